import { isDeepStrictEqual } from 'node:util'
import { Document, isMap, isScalar, LineCounter, type Pair, parseDocument, type YAMLMap } from 'yaml'
import { hasHidden, hideSecrets, keepSecrets, SECRET_SETTINGS } from './secret-box.ts'
import { settingTexts } from './setting-texts.ts'
import {
  checkChanges,
  defaultSettings,
  flattenSettings,
  type SettingFault,
  type SettingSource,
  type Settings,
} from './settings.ts'

/** What a file of settings would change; values with their secrets hidden. */
export interface SettingsImport {
  changes: { key: string; from: unknown; to: unknown; restart: boolean }[]
  /** Keys that a flag or the environment sets: what the file says of them is left out. */
  locked: string[]
  /** Everything that keeps the file from being taken over; lines count from 1. */
  faults: { line: number; key: string; message: string }[]
}

const known = flattenSettings(defaultSettings)

/**
 * Settings as YAML, nested by the dots of their keys, each with its help as a comment. Those that hold a password are
 * left out, and named.
 * @param all also those at their default
 */
export function settingsFile(settings: Settings, all: boolean): string {
  const document = new Document({})
  const left: string[] = []
  for (const [key, value] of Object.entries(flattenSettings(settings))) {
    if (!all && isDeepStrictEqual(value, known[key])) continue
    if (SECRET_SETTINGS.has(key) && !isDeepStrictEqual(hideSecrets(value, key), value)) left.push(key)
    else document.setIn(key.split('.'), document.createNode(value))
  }
  comment(document.contents as YAMLMap, '')
  const head = ['Settings of Glassbox. What a file does not name stays as it is when it is imported.']
  if (left.length > 0) head.push(`Not exported, as they hold a password: ${left.join(', ')}.`)
  document.commentBefore = head.map((line) => ` ${line}`).join('\n')
  return document.toString({ lineWidth: 0 })
}

function comment(map: YAMLMap, prefix: string): void {
  for (const { key, value } of map.items as Pair[]) {
    const path = prefix + String(key)
    const help = settingTexts[path]?.help
    if (help && isScalar(key)) key.commentBefore = ` ${help}`
    else if (isMap(value)) comment(value, `${path}.`)
  }
}

type SettingsFile = SettingsImport & {
  /** What to save, secrets open. */
  values: Record<string, unknown>
}

/** Reads a file against the settings it would change. Never throws: what is wrong with it is in `faults`. */
export function readSettingsFile(
  text: string,
  settings: Settings,
  sources: Record<string, SettingSource>,
): SettingsFile {
  try {
    return readYaml(text, settings, sources)
  } catch (error) {
    // Aliases without end, or nested deeper than the stack.
    const message = `this cannot be read: ${(error as Error).message}`
    return { changes: [], locked: [], faults: [{ line: 1, key: '', message }], values: {} }
  }
}

function readYaml(text: string, settings: Settings, sources: Record<string, SettingSource>): SettingsFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const answer: SettingsFile = { changes: [], locked: [], faults: [], values: {} }
  const lineAt = (offset: number): number => lines.linePos(offset).line
  for (const { message, pos } of document.errors) answer.faults.push({ line: lineAt(pos[0]), key: '', message })
  if (answer.faults.length > 0) return answer
  if (document.contents === null) return answer
  if (!isMap(document.contents)) {
    answer.faults.push({ line: 1, key: '', message: 'a file of settings is a map, such as "retention:"' })
    return answer
  }

  const found = new Map<string, { line: number; value: unknown }>()
  collect(document.contents, '', (key, line, value) => found.set(key, { line, value }))
  const now = flattenSettings(settings)
  const asked: Record<string, unknown> = {}
  for (const [key, { line, value }] of found) {
    if (!Object.hasOwn(known, key)) {
      answer.faults.push({ line, key, message: `there is no setting ${key}` })
      continue
    }
    if (sources[key] === 'flag' || sources[key] === 'environment') {
      answer.locked.push(key)
      continue
    }
    const own = SECRET_SETTINGS.has(key) ? keepSecrets(value, now[key], key) : value
    if (SECRET_SETTINGS.has(key) && hasHidden(own)) {
      answer.faults.push({
        line,
        key,
        message: `${key} holds *** in place of a password; write that, or leave the line out`,
      })
      continue
    }
    asked[key] = own
  }
  const { faults, settings: next } = checkChanges(settings, asked)
  for (const fault of faults) answer.faults.push({ ...placeOf(fault), key: fault.key, message: fault.message })
  answer.faults.sort((a, b) => a.line - b.line)
  if (next === null) return answer
  const after = flattenSettings(next)
  for (const key of Object.keys(asked)) {
    if (isDeepStrictEqual(after[key], now[key])) continue
    answer.values[key] = after[key]
    const shown = (value: unknown): unknown => (SECRET_SETTINGS.has(key) ? hideSecrets(value, key) : value)
    const restart = settingTexts[key]?.restart ?? false
    answer.changes.push({ key, from: shown(now[key]), to: shown(after[key]), restart })
  }
  return answer

  /** The line of the value that is wrong, or of what holds it. */
  function placeOf({ key, path }: SettingFault): { line: number } {
    for (let depth = path.length; depth > 0; depth--) {
      const node = document.getIn([...key.split('.'), ...path.slice(0, depth)], true) as
        | { range?: number[] }
        | undefined
      if (node?.range) return { line: lineAt(node.range[0]) }
    }
    return { line: found.get(key)?.line ?? 1 }
  }

  function collect(map: YAMLMap, prefix: string, take: (key: string, line: number, value: unknown) => void): void {
    for (const { key, value } of map.items as Pair[]) {
      const name = isScalar(key) ? String(key.value) : String(key)
      const line = lineAt((key as { range?: number[] }).range?.[0] ?? 0)
      const path = prefix + name
      if (isMap(value) && !Object.hasOwn(known, path) && isGroup(path)) collect(value, `${path}.`, take)
      else take(path, line, plain(value))
    }
  }

  function plain(node: unknown): unknown {
    return (node as { toJS?(document: Document): unknown } | null)?.toJS?.(document as unknown as Document) ?? null
  }
}

const isGroup = (path: string): boolean => Object.keys(known).some((key) => key.startsWith(`${path}.`))
