import type { Matcher, RE2JS } from 're2js'

/**
 * Go's regexp Expand: `$1`, `${1}`, `$name`, `${name}`, `$$`. A bare name runs as far as letters, digits and `_` do, so
 * `$1x` is the group named `1x`. Groups that do not exist, or did not take part, are empty.
 */
export function expandTemplate(template: string, matcher: Matcher, regex: RE2JS): string {
  const group = (name: string): string => {
    if (/^\d+$/.test(name)) {
      const number = Number(name)
      return number <= regex.groupCount() ? (matcher.group(number) ?? '') : ''
    }
    return name in regex.namedGroups() ? (matcher.group(name) ?? '') : ''
  }
  return template.replace(
    /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu,
    (_, braced: string | undefined, bare: string | undefined) => {
      const name = braced ?? bare
      return name === undefined ? '$' : group(name)
    },
  )
}
