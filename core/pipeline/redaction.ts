import {
  type AttributeColumns,
  AttrType,
  type Dictionary,
  entryBytes,
  entryText,
  type SpanBatch,
  SpanMark,
  type TelemetryBatch,
} from '../model/columns.ts'
import { cutBytes, cutJsonStrings, cutMark } from './cut-text.ts'
import { dropUnused, isText, replaceEntries, textColumns } from './dictionary-rewrite.ts'
import { KeyAction, KeyRules } from './key-rules.ts'
import { masked, maskText, sensitiveWords } from './mask-text.ts'
import { mayBeUserInfo } from './mask-url.ts'
import { WordFinder, wordStyles } from './word-finder.ts'

/** The rules of one settings version, made ready. */
export interface Redactor {
  rules: KeyRules
  bytesFinder: WordFinder
  textFinder: RegExp
  maxValueBytes: number
  /** Resources and scopes repeat in every request: their text as redacted. */
  seen: Map<string, string>
}

export function createRedactor(privacy: { removeKeys: string[]; maskKeys: string[]; maxValueBytes: number }): Redactor {
  const words = [...privacy.maskKeys, 'authorization', 'cookie', ...privacy.removeKeys]
  return {
    rules: new KeyRules(privacy),
    bytesFinder: new WordFinder([...words.flatMap(wordStyles), 'bearer ', 'basic ']),
    textFinder: sensitiveWords(words.filter((word) => word.length > 1)),
    maxValueBytes: privacy.maxValueBytes,
    seen: new Map(),
  }
}

/**
 * Removes and masks what must not be stored, and cuts long values. Decides once for each distinct text of the batch;
 * a batch without anything to hide comes back as it is, only read through. The batch given must not be used again.
 */
export function redactBatch<B extends TelemetryBatch>(batch: B, redactor: Redactor): B {
  redactDescriptions(batch, redactor)
  const rewritten = rewriteTexts(batch, redactor)
  const keys = sensitiveKeys(batch, redactor.rules)
  if (rewritten.size === 0 && !keys) return batch
  const { dictionary, marks } = replaceEntries(batch.dictionary, rewritten)
  const changed: B = { ...batch, dictionary }
  if (keys) changed.attributes = hideValues(changed, keys)
  markRows(changed, batch.attributes, marks, keys)
  if (keys) changed.dictionary = dropUnused(changed)
  return changed
}

/** A new text for an entry, and the marks its rows get. */
interface Rewrite {
  text: string
  marks: number
}

function rewriteTexts(batch: TelemetryBatch, redactor: Redactor): Map<number, Rewrite> {
  const { dictionary } = batch
  const rewritten = new Map<number, Rewrite>()
  const suspects = new Set<number>()
  suspectEntries(dictionary, redactor.bytesFinder, suspects)
  const long = longEntries(dictionary, redactor.maxValueBytes)
  const json = long.length > 0 ? jsonEntries(batch) : null
  for (const index of long) {
    const rewrite = json?.has(index)
      ? cutJson(entryText(dictionary, index), redactor.maxValueBytes)
      : cutPlain(entryBytes(dictionary, index), redactor, suspects.has(index))
    if (rewrite) rewritten.set(index, rewrite)
    if (!json?.has(index)) suspects.delete(index)
  }
  for (const index of suspects) {
    const before = rewritten.get(index)
    const text = maskText(before?.text ?? entryText(dictionary, index), redactor.rules, redactor.textFinder)
    if (text !== null) rewritten.set(index, { text, marks: (before?.marks ?? 0) | SpanMark.redacted })
  }
  return rewritten
}

function cutPlain(bytes: Uint8Array, redactor: Redactor, suspect: boolean): Rewrite {
  const kept = cutBytes(bytes, redactor.maxValueBytes)
  const text = suspect ? maskText(kept, redactor.rules, redactor.textFinder) : null
  const mark = cutMark(bytes.length - Buffer.byteLength(kept))
  return { text: (text ?? kept) + mark, marks: SpanMark.cut | (text === null ? 0 : SpanMark.redacted) }
}

function cutJson(json: string, most: number): Rewrite | null {
  const text = cutJsonStrings(json, most)
  return text === null ? null : { text, marks: SpanMark.cut }
}

/** Entries that hold a sensitive word, or an `@` that may end a URL's user and password. */
function suspectEntries(dictionary: Dictionary, finder: WordFinder, suspects: Set<number>): void {
  const { offsets, size } = dictionary
  const bytes = dictionary.bytes.subarray(0, offsets[size])
  let entry = 0
  for (let at = finder.find(bytes, 0); at >= 0; at = finder.find(bytes, offsets[entry + 1])) {
    entry = entryAt(offsets, size, at)
    suspects.add(entry)
  }
  for (let at = bytes.indexOf(64); at >= 0; at = bytes.indexOf(64, at + 1)) {
    const holder = entryAt(offsets, size, at)
    if (mayBeUserInfo(bytes, at, offsets[holder])) suspects.add(holder)
  }
}

function entryAt(offsets: Uint32Array, size: number, at: number): number {
  let low = 0
  let high = size - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (offsets[middle] <= at) low = middle
    else high = middle - 1
  }
  return low
}

function longEntries({ offsets, size }: Dictionary, most: number): number[] {
  const long: number[] = []
  for (let i = 0; i < size; i++) if (offsets[i + 1] - offsets[i] > most) long.push(i)
  return long
}

/** Entries that are JSON of our own making, which a plain cut would break. */
function jsonEntries(batch: TelemetryBatch): Set<number> {
  const json = new Set<number>()
  const { types, values } = batch.attributes
  for (let i = 0; i < types.length; i++) if (types[i] === AttrType.json) json.add(values[i])
  for (let row = 0; row < batch.n; row++) {
    if (batch.signal === 'traces') json.add(batch.events[row]).add(batch.links[row])
    else if (batch.bodyType[row] === AttrType.json) json.add(batch.body[row])
  }
  return json
}

/** KeyAction by dictionary entry, or null when no attribute has a sensitive key. */
function sensitiveKeys(batch: TelemetryBatch, rules: KeyRules): Uint8Array | null {
  const { keys } = batch.attributes
  const actions = new Uint8Array(batch.dictionary.size)
  const known = new Uint8Array(batch.dictionary.size)
  let any = false
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]
    if (known[key]) continue
    known[key] = 1
    actions[key] = rules.action(entryText(batch.dictionary, key))
    if (actions[key] !== KeyAction.keep) any = true
  }
  return any ? actions : null
}

function hideValues(batch: TelemetryBatch, actions: Uint8Array): AttributeColumns {
  const { attributes, dictionary, n } = batch
  const replaced = appendEntry(dictionary, masked)
  batch.dictionary = replaced
  const offsets = new Uint32Array(n + 1)
  const total = attributes.keys.length
  const hidden = { keys: new Uint32Array(total), types: new Uint8Array(total), values: new Float64Array(total) }
  let at = 0
  for (let row = 0; row < n; row++) {
    for (let i = attributes.offsets[row]; i < attributes.offsets[row + 1]; i++) {
      const action = actions[attributes.keys[i]]
      if (action === KeyAction.remove) continue
      hidden.keys[at] = attributes.keys[i]
      hidden.types[at] = action === KeyAction.mask ? AttrType.string : attributes.types[i]
      hidden.values[at++] = action === KeyAction.mask ? replaced.size - 1 : attributes.values[i]
    }
    offsets[row + 1] = at
  }
  return {
    offsets,
    keys: hidden.keys.slice(0, at),
    types: hidden.types.slice(0, at),
    values: hidden.values.slice(0, at),
  }
}

function appendEntry(dictionary: Dictionary, text: string): Dictionary {
  const added = new TextEncoder().encode(text)
  const used = dictionary.offsets[dictionary.size]
  const bytes = new Uint8Array(used + added.length)
  bytes.set(dictionary.bytes.subarray(0, used))
  bytes.set(added, used)
  const offsets = new Uint32Array(dictionary.size + 2)
  offsets.set(dictionary.offsets.subarray(0, dictionary.size + 1))
  offsets[dictionary.size + 1] = bytes.length
  return { bytes, offsets, size: dictionary.size + 1 }
}

/** Sets the redacted and cut bits of spans: by the texts they use, and by the keys they had. */
function markRows(batch: TelemetryBatch, before: AttributeColumns, marks: Uint8Array, keys: Uint8Array | null): void {
  if (batch.signal !== 'traces') return
  const spans: SpanBatch = batch
  for (const column of textColumns(spans)) {
    for (let row = 0; row < spans.n; row++) spans.marks[row] |= marks[column[row]]
  }
  for (let row = 0; row < spans.n; row++) {
    for (let i = before.offsets[row]; i < before.offsets[row + 1]; i++) {
      if (keys && keys[before.keys[i]] !== KeyAction.keep) spans.marks[row] |= SpanMark.redacted
      else if (isText(before.types[i])) spans.marks[row] |= marks[before.values[i]]
    }
  }
}

function redactDescriptions(batch: TelemetryBatch, redactor: Redactor): void {
  for (const entry of [...batch.resources, ...batch.scopes]) entry.attributes = redactSeen(entry.attributes, redactor)
}

function redactSeen(json: string, redactor: Redactor): string {
  const known = redactor.seen.get(json)
  if (known !== undefined) return known
  const shorter = json.length > redactor.maxValueBytes ? (cutJsonStrings(json, redactor.maxValueBytes) ?? json) : json
  const text = maskText(shorter, redactor.rules, redactor.textFinder) ?? shorter
  if (redactor.seen.size >= 256) redactor.seen.clear()
  redactor.seen.set(json, text)
  return text
}
