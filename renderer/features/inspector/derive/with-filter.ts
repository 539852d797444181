/** The filter text with one more term; a term that is there already is not written twice. */
export function withFilter(filter: string, key: string, value: string, out: boolean): string {
  const plain = /^[\w.\-/:@]+$/.test(value)
  const term = `${out ? '-' : ''}${key}=${plain ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`}`
  const terms: string[] = filter.match(/(?:[^\s"]|"(?:\\.|[^"\\])*"?)+/g) ?? []
  return terms.includes(term) ? filter : [filter.trim(), term].filter(Boolean).join(' ')
}
