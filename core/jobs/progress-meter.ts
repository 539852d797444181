import type { JobProgress } from '../model/job.ts'

const WINDOW_MS = 10_000
const SHORTEST_MS = 500

/** Rate and time left, from how a job's progress moved within the last ten seconds. */
export class ProgressMeter {
  #points: { atMs: number; done: number }[] = []
  #phase = ''

  /** @param nowMs monotonic */
  add({ phase, done }: JobProgress, nowMs: number): void {
    const last = this.#points.at(-1)
    if (phase !== this.#phase || (last && done < last.done)) this.#points = []
    this.#phase = phase
    this.#points.push({ atMs: nowMs, done })
    while (this.#points.length > 2 && nowMs - this.#points[1].atMs > WINDOW_MS) this.#points.shift()
    // Enough to draw a rate from, however often progress is told.
    if (this.#points.length > 200) this.#points = this.#points.filter((_, i) => i % 2 === 0 || i === 200)
  }

  /** Units a second and µs left; null while it cannot be told. */
  read({ done, total }: JobProgress): { rate: number | null; eta: number | null } {
    const first = this.#points[0]
    const last = this.#points.at(-1)
    if (!first || !last || last.atMs - first.atMs < SHORTEST_MS) return { rate: null, eta: null }
    const rate = ((last.done - first.done) * 1000) / (last.atMs - first.atMs)
    const eta = total === null || rate <= 0 ? null : Math.round((Math.max(0, total - done) / rate) * 1e6)
    return { rate, eta }
  }
}
