import type { NativeHistogram } from '../../../model/native-histogram.ts'
import { sortSamples } from './merge-samples.ts'
import type { ReadSamples } from './sample-block.ts'

/** Samples of one series as they are read from block after block; its columns grow and serve the next series again. */
export class SampleRun {
  #times = new Float64Array(0)
  #values = new Float64Array(0)
  #kinds: Uint8Array | null = null
  #histograms: (NativeHistogram | null)[] | null = null
  #isOrdered = true
  length = 0

  /** Copies the samples to the end. */
  append({ times, values, kinds, histograms }: ReadSamples): void {
    const at = this.length
    this.length += times.length
    if (this.length > this.#times.length) this.#grow()
    if (at > 0 && times.length > 0 && times[0] <= this.#times[at - 1]) this.#isOrdered = false
    this.#times.set(times, at)
    this.#values.set(values, at)
    if (kinds) {
      this.#kinds ??= new Uint8Array(this.#times.length)
      this.#kinds.set(kinds, at)
    }
    if (histograms) {
      this.#histograms ??= []
      for (let i = 0; i < histograms.length; i++) this.#histograms[at + i] = histograms[i]
    }
  }

  #grow(): void {
    const room = Math.max(this.length, 2 * this.#times.length)
    this.#times = resized(this.#times, new Float64Array(room))
    this.#values = resized(this.#values, new Float64Array(room))
    if (this.#kinds) this.#kinds = resized(this.#kinds, new Uint8Array(room))
  }

  /** In order of time; of two samples at one time the later appended. Shares memory with the run: copy before `clear`. */
  samples(): ReadSamples {
    const { length } = this
    const histograms = this.#histograms && Array.from({ length }, (_, i) => this.#histograms?.[i] ?? null)
    const samples = {
      times: this.#times.subarray(0, length),
      values: this.#values.subarray(0, length),
      kinds: this.#kinds?.subarray(0, length) ?? null,
      histograms,
    }
    return this.#isOrdered ? samples : sortSamples(samples)
  }

  clear(): void {
    this.length = 0
    this.#kinds = null
    this.#histograms = null
    this.#isOrdered = true
  }
}

function resized<T extends Float64Array | Uint8Array>(from: T, to: T): T {
  to.set(from)
  return to
}
