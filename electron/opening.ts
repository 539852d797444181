import { extname, isAbsolute, resolve } from 'node:path'

/** Something that the system asked us to open. */
export type Opening = { kind: 'page'; path: string } | { kind: 'file'; file: string }

/** Files that the installer registers, and plain JSON lines; others are opened from the menu. */
const FILE = /((\.otlp\.(json|pb)|\.jsonl)(\.(gz|zst))?|\.glassbox)$/i

/** `glassbox://trace/ID` as an address of the page; null for anything else. */
export function parseLink(text: string): Opening | null {
  const link = URL.parse(text)
  if (link?.protocol !== 'glassbox:') return null
  const [, id] = /^\/?([0-9a-f]{32})\/?$/i.exec(link.pathname) ?? []
  return link.hostname === 'trace' && id ? { kind: 'page', path: `/traces/${id.toLowerCase()}` } : null
}

/** What a command line asks to open: links, telemetry files and archives of backups; everything else on it is not ours. */
export function openingsOf(args: readonly string[], directory: string): Opening[] {
  return args.flatMap((argument) => {
    if (argument.startsWith('-')) return []
    if (argument.startsWith('glassbox:')) return parseLink(argument) ?? []
    if (!FILE.test(argument) || extname(argument) === '') return []
    return { kind: 'file' as const, file: isAbsolute(argument) ? argument : resolve(directory, argument) }
  })
}
