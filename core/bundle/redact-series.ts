import type { Labels, MetricMetadata, SeriesExemplars, SeriesSamples } from '../model/series.ts'
import { KeyAction } from '../pipeline/key-rules.ts'
import { maskText } from '../pipeline/mask-text.ts'
import type { Redactor } from '../pipeline/redaction.ts'

/**
 * Labels by the rules of attributes. A value that may not be shown becomes `[masked N]`, the same N for the same value,
 * so that series stay apart and none is counted twice.
 */
export class SeriesRedactor {
  readonly #redactor: Redactor
  readonly #hidden = new Map<string, number>()

  constructor(redactor: Redactor) {
    this.#redactor = redactor
  }

  labels(labels: Labels): Labels {
    return labels.map(([name, value]) => {
      if (this.#redactor.rules.action(name) === KeyAction.keep) return [name, this.text(value)] as const
      const key = `${name}\0${value}`
      const number = this.#hidden.get(key) ?? this.#hidden.size + 1
      this.#hidden.set(key, number)
      return [name, `[masked ${number}]`] as const
    })
  }

  text(text: string): string {
    return maskText(text, this.#redactor.rules, this.#redactor.textFinder) ?? text
  }

  series(series: SeriesSamples): SeriesSamples {
    return { ...series, labels: this.labels(series.labels) }
  }

  exemplars({ series, exemplars }: SeriesExemplars): SeriesExemplars {
    return {
      series: this.labels(series),
      exemplars: exemplars.map((one) => ({ ...one, labels: this.labels(one.labels) })),
    }
  }

  metadata(metadata: MetricMetadata): MetricMetadata {
    return { ...metadata, help: this.text(metadata.help) }
  }
}
