import { parseError } from './text.ts'
import { describe, Lexer, LexFault, type Token } from './tokens.ts'

/** Tokens with two of look-ahead; a fault of the lexer counts only once the parser gets to it. */
export class TokenStream {
  readonly #lexer: Lexer
  readonly #ahead: (Token | LexFault)[] = []
  /** End of the token taken last. */
  lastEnd = 0

  constructor(query: string) {
    this.#lexer = new Lexer(query)
  }

  peek(): Token {
    return this.#at(0)
  }

  /** The token after the next; the end of the input when it cannot be read. */
  peekSecond(): Token {
    if (this.peek().type === 'eof') return this.peek()
    this.#fill(2)
    const second = this.#ahead[1]
    return second instanceof LexFault ? { type: 'eof', text: '', start: second.start } : second
  }

  take(): Token {
    const token = this.#at(0)
    this.#ahead.shift()
    this.lastEnd = token.start + token.text.length
    return token
  }

  takeIf(type: string): boolean {
    if (this.peek().type !== type) return false
    this.take()
    return true
  }

  /** @throws GlassboxError `bad_promql` about the next token */
  unexpected(context: string, expected: string): never {
    const token = this.peek()
    let text = `unexpected ${describe(token)}`
    if (context) text += ` in ${context}`
    if (expected) text += `, expected ${expected}`
    throw parseError(this.#lexer.query, token.start, text)
  }

  #at(index: number): Token {
    this.#fill(index + 1)
    const token = this.#ahead[index]
    if (token instanceof LexFault) throw parseError(this.#lexer.query, token.start, token.message)
    return token
  }

  #fill(count: number): void {
    while (this.#ahead.length < count) {
      const last = this.#ahead.at(-1)
      if (last instanceof LexFault || (last && last.type === 'eof')) {
        this.#ahead.push(last)
        continue
      }
      try {
        this.#ahead.push(this.#lexer.next())
      } catch (error) {
        if (!(error instanceof LexFault)) throw error
        this.#ahead.push(error)
      }
    }
  }
}
