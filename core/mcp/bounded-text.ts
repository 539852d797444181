/** Lines up to a number of characters; what does not fit is counted, not silently cut. */
export class BoundedText {
  #lines: string[] = []
  #left: number
  #dropped = 0

  constructor(maxChars: number) {
    this.#left = maxChars
  }

  line(text: string): void {
    if (text.length + 1 > this.#left) {
      this.#left = 0
      this.#dropped++
      return
    }
    this.#left -= text.length + 1
    this.#lines.push(text)
  }

  /** @param what says what the lines are: `spans` */
  finish(what: string): string {
    const lines = this.#dropped > 0 ? [...this.#lines, `(${this.#dropped} more ${what} left out)`] : this.#lines
    return lines.join('\n')
  }
}

/** One line of `text`, at most `max` characters, without control characters. */
export function oneLine(text: string, max: number): string {
  const flat = text.replaceAll(/\p{Cc}+/gu, ' ').trim()
  return flat.length > max ? `${flat.slice(0, max - 1)}…` : flat
}

/** µs as `812µs`, `83.4ms`, `2.31s`. */
export function shortDuration(us: number): string {
  if (us < 1000) return `${us}µs`
  return us < 1_000_000 ? `${Number((us / 1000).toPrecision(3))}ms` : `${Number((us / 1e6).toPrecision(3))}s`
}
