import { AttrType, type Dictionary, entryBytes, type TelemetryBatch } from '../model/columns.ts'

/** The columns of a batch that hold dictionary indexes, besides attributes. */
export function textColumns(batch: TelemetryBatch): Uint32Array[] {
  return batch.signal === 'traces'
    ? [batch.name, batch.statusMessage, batch.traceState, batch.events, batch.links]
    : [batch.severityText, batch.body, batch.eventName]
}

/** Whether an attribute's value is a dictionary index. */
export function isText(type: number): boolean {
  return type === AttrType.string || type === AttrType.json || type === AttrType.bytes || type === AttrType.bigint
}

/** The dictionary with other text at some indexes, and the marks by index. What was replaced is in no buffer of it. */
export function replaceEntries(
  dictionary: Dictionary,
  rewritten: ReadonlyMap<number, { text: string; marks: number }>,
): { dictionary: Dictionary; marks: Uint8Array } {
  const marks = new Uint8Array(dictionary.size + 1)
  if (rewritten.size === 0) return { dictionary, marks }
  const encoder = new TextEncoder()
  const texts = new Map<number, Uint8Array>()
  for (const [index, rewrite] of rewritten) {
    texts.set(index, encoder.encode(rewrite.text))
    marks[index] = rewrite.marks
  }
  return { dictionary: rebuild(dictionary, (index) => texts.get(index) ?? entryBytes(dictionary, index)), marks }
}

/** The dictionary with entries that no row uses any more made empty, so that a masked value is not kept beside its mask. */
export function dropUnused(batch: TelemetryBatch): Dictionary {
  const { dictionary, attributes } = batch
  const used = new Uint8Array(dictionary.size)
  for (const column of textColumns(batch)) for (let row = 0; row < batch.n; row++) used[column[row]] = 1
  for (let i = 0; i < attributes.keys.length; i++) {
    used[attributes.keys[i]] = 1
    if (isText(attributes.types[i])) used[attributes.values[i]] = 1
  }
  const empty = new Uint8Array(0)
  return rebuild(dictionary, (index) => (used[index] ? entryBytes(dictionary, index) : empty))
}

function rebuild(dictionary: Dictionary, bytesOf: (index: number) => Uint8Array): Dictionary {
  const offsets = new Uint32Array(dictionary.size + 1)
  for (let i = 0; i < dictionary.size; i++) offsets[i + 1] = offsets[i] + bytesOf(i).length
  const bytes = new Uint8Array(offsets[dictionary.size])
  for (let i = 0; i < dictionary.size; i++) bytes.set(bytesOf(i), offsets[i])
  return { bytes, offsets, size: dictionary.size }
}
