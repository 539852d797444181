import { ERRORS } from './errors.ts'

/** The text of `ERRORS.md`: every code of the catalogue, by status and name. Written by `build/errors-page.mjs`. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS)
    .map(([code, { status, title, hint }]) => ({ code, status, title, hint }))
    .sort((a, b) => a.status - b.status || (a.code < b.code ? -1 : 1))
  const entries = rows.flatMap(({ code, status, title, hint }) => [
    `## ${code} (${status})`,
    '',
    `${title}. ${hint}`,
    '',
  ])
  return [
    '# Errors',
    '',
    'Written from `core/base/errors.ts` by `node build/errors-page.mjs`; a test keeps the two equal.',
    '',
    'The api answers errors as problem details (RFC 9457): `code` and `title` from this list, `detail` with what happened',
    'and the input at fault, `hint` with what to do (more exact than here where it can be), `requestId` for the log. OTLP',
    'senders get `google.rpc.Status` with the same sentence in the encoding of their request.',
    '',
    ...entries,
  ].join('\n')
}
