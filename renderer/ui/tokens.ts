/** Colours of the theme in force, read once per theme: charts and canvas need values, not names. */
export type Token = (name: string) => string

let theme: string | undefined
let known = new Map<string, string>()

/** Reads tokens of the document as it is now; a change of theme forgets what was read. */
export function readToken(name: string): string {
  const now = document.documentElement.dataset['theme']
  if (now !== theme) {
    theme = now
    known = new Map()
  }
  const found = known.get(name) ?? getComputedStyle(document.documentElement).getPropertyValue(name).trim()
  known.set(name, found)
  return found
}
