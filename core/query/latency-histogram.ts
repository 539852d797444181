/** Buckets an octave: a quantile is at most 4.5 % off. */
const PER_OCTAVE = 8
const OCTAVES = 44

/** Durations in logarithmic buckets, small enough to keep one for every edge of a map. */
export class LatencyHistogram {
  #counts = new Float64Array(PER_OCTAVE * OCTAVES)
  #total = 0

  /** @param dur µs @param weight how many spans this one stands for */
  add(dur: number, weight: number): void {
    const at = dur < 1 ? 0 : Math.floor(Math.log2(dur) * PER_OCTAVE)
    this.#counts[Math.min(at, this.#counts.length - 1)] += weight
    this.#total += weight
  }

  /** µs below which the share `q` of all durations lies (middle of its bucket); null when there are none. */
  quantile(q: number): number | null {
    if (this.#total === 0) return null
    const rank = q * this.#total
    let seen = 0
    for (let at = 0; at < this.#counts.length; at++) {
      seen += this.#counts[at]
      if (seen >= rank && this.#counts[at] > 0) return Math.round(2 ** ((at + 0.5) / PER_OCTAVE))
    }
    return null
  }
}
