/** What is done with the value of a key: nothing, masked, or removed with the key. */
export const KeyAction = { keep: 0, mask: 1, remove: 2 } as const
export type KeyAction = (typeof KeyAction)[keyof typeof KeyAction]

const removedHeaders = ['authorization', 'proxyauthorization', 'cookie', 'setcookie']
/** Counts and kinds of tokens are no secrets: `gen_ai.usage.input_tokens`, `max_tokens`, `token_type`. */
const harmlessAfterToken = /^(s$|s?(count|counts|type|usage|limit|budget|total|details|kind|position|persecond))/
const cacheLimit = 4096

/** Which keys are sensitive, in any case and style (`auth_token`, `authToken`, `x-api-key`, `http.request.header.cookie`). */
export class KeyRules {
  /** Words as they may stand in a key, lower case without separators. */
  readonly words: string[]
  readonly #removed: Set<string>
  readonly #cache = new Map<string, KeyAction>()

  constructor(privacy: { removeKeys: string[]; maskKeys: string[] }) {
    this.words = [...new Set(privacy.maskKeys.map(bare).filter((word) => word.length > 0))]
    this.#removed = new Set([...removedHeaders, ...privacy.removeKeys.map(bare)])
  }

  action(key: string): KeyAction {
    const known = this.#cache.get(key)
    if (known !== undefined) return known
    const action = this.#decide(key)
    if (this.#cache.size >= cacheLimit) this.#cache.clear()
    this.#cache.set(key, action)
    return action
  }

  #decide(key: string): KeyAction {
    const whole = bare(key)
    const last = bare(key.slice(key.lastIndexOf('.') + 1))
    // `headers[Authorization]` names its last part in brackets.
    const inBrackets = key.endsWith(']') ? bare(key.slice(key.lastIndexOf('[') + 1)) : last
    if ([whole, last, inBrackets].some((name) => this.#removed.has(name))) return KeyAction.remove
    for (const word of this.words) {
      for (let at = whole.indexOf(word); at >= 0; at = whole.indexOf(word, at + 1)) {
        if (word === 'token' && harmlessAfterToken.test(whole.slice(at + word.length))) continue
        return KeyAction.mask
      }
    }
    return KeyAction.keep
  }
}

function bare(key: string): string {
  return key.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
}
