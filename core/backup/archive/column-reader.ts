import { isUtf8 } from 'node:buffer'
import { GlassboxError } from '../../base/errors.ts'
import { utf8 } from '../../base/utf8.ts'
import type { ColumnEntry } from './column-writer.ts'
import { MAX_PART_ROWS } from './limits.ts'
import { unpackDoubles, unpackPlanes, unpackPlanes32, unzigzag } from './planes.ts'

function damaged(detail: string): GlassboxError {
  return new GlassboxError('archive_damaged', `a part of the archive does not hold together: ${detail}`)
}

/** Distinct texts of a column, text 0 is the empty one; `index` numbers them row by row. */
export interface ReadTexts {
  bytes: Uint8Array
  offsets: Uint32Array
  size: number
  index: Uint32Array
}

/** Takes a part's body apart. Nothing in it is believed: what does not fit throws `archive_damaged`. */
export class ColumnReader {
  readonly rows: number
  #columns = new Map<string, { entry: ColumnEntry; bytes: Uint8Array }>()

  constructor(body: Uint8Array) {
    if (body.length < 4) throw damaged('it is cut short')
    const length = new DataView(body.buffer, body.byteOffset).getUint32(0, true)
    if (4 + length > body.length) throw damaged('its directory is cut short')
    const { rows, columns } = readDirectory(body.subarray(4, 4 + length))
    this.rows = rows
    let at = 4 + length
    for (const entry of columns) {
      const size = sizeOf(entry)
      if (at + size > body.length) throw damaged(`column ${entry.name} is cut short`)
      if (this.#columns.has(entry.name)) throw damaged(`column ${entry.name} stands in it twice`)
      this.#columns.set(entry.name, { entry, bytes: body.subarray(at, at + size) })
      at += size
    }
    if (at !== body.length) throw damaged('bytes follow the last column')
  }

  has(name: string): boolean {
    return this.#columns.has(name)
  }

  #column(
    name: string,
    count: number | null,
    as: readonly ColumnEntry['as'][],
  ): { entry: ColumnEntry; bytes: Uint8Array } {
    const column = this.#columns.get(name)
    if (!column) throw damaged(`column ${name} is missing`)
    if (!as.includes(column.entry.as)) throw damaged(`column ${name} is kept as ${column.entry.as}`)
    if (count !== null && column.entry.count !== count)
      throw damaged(`column ${name} has ${column.entry.count} values instead of ${count}`)
    return column
  }

  bytes(name: string, count: number | null = null): Uint8Array {
    // A copy, so that what is made of it does not keep the whole part in memory.
    return new Uint8Array(this.#column(name, count, ['bytes']).bytes)
  }

  /** @param count how many there must be; null = any number up to the limit of rows */
  uints(name: string, count: number | null = this.rows): Uint32Array {
    const { entry, bytes } = this.#column(name, count, ['uint'])
    if (entry.width > 4) throw damaged(`column ${name} is too wide`)
    return unpackPlanes32(bytes, entry.width, entry.count)
  }

  /** Whole numbers below `limit`. */
  below(name: string, limit: number, count: number = this.rows): Uint32Array {
    const values = this.uints(name, count)
    for (let i = 0; i < values.length; i++) if (values[i] >= limit) throw damaged(`column ${name} points nowhere`)
    return values
  }

  #firstSeen(name: string, size: number, count: number): Uint32Array {
    const { entry, bytes } = this.#column(name, count, ['first-seen'])
    if (entry.width > 4) throw damaged(`column ${name} is too wide`)
    const values = unpackPlanes32(bytes, entry.width, entry.count)
    let next = 1
    for (let i = 0; i < values.length; i++) {
      if (values[i] === 1) values[i] = next++
      else if (values[i] > 1) values[i]--
      if (values[i] >= size) throw damaged(`column ${name} points nowhere`)
    }
    return values
  }

  numbers(name: string, count: number = this.rows): Float64Array {
    const { entry, bytes } = this.#column(name, count, ['double', 'zigzag', 'delta'])
    if (entry.as === 'double') return unpackDoubles(bytes, entry.count)
    return unzigzag(unpackPlanes(bytes, entry.width, entry.count), entry.as === 'delta')
  }

  texts(name: string, count: number = this.rows): ReadTexts {
    const lengths = this.uints(`${name}.lengths`, null)
    const bytes = this.bytes(`${name}.text`)
    const size = lengths.length + 1
    const offsets = new Uint32Array(size + 1)
    for (let i = 1; i < size; i++) {
      const from = offsets[i]
      const length = lengths[i - 1]
      if (from + length > bytes.length) throw damaged(`a text of ${name} is cut short`)
      if (length > 0 && (bytes[from] & 0xc0) === 0x80) throw damaged(`a text of ${name} is no UTF-8`)
      offsets[i + 1] = from + length
    }
    if (offsets[size] !== bytes.length) throw damaged(`texts of ${name} are left over`)
    if (!isUtf8(bytes) || bytes.includes(0)) throw damaged(`texts of ${name} are no UTF-8`)
    return { bytes, offsets, size, index: this.#firstSeen(name, size, count) }
  }
}

/** The distinct texts as strings. */
export function allTexts({ bytes, offsets, size }: ReadTexts): string[] {
  return Array.from({ length: size }, (_, i) => utf8.decode(bytes.subarray(offsets[i], offsets[i + 1])))
}

/** `text` as JSON that is a list, or throws `archive_damaged`: readers of the store rely on it. */
export function checkJsonList(text: string, what: string): void {
  try {
    if (Array.isArray(JSON.parse(text))) return
  } catch {
    // Said below.
  }
  throw damaged(`${what} is no JSON list`)
}

function readDirectory(bytes: Uint8Array): { rows: number; columns: ColumnEntry[] } {
  let directory: { rows?: unknown; columns?: unknown }
  try {
    directory = JSON.parse(utf8.decode(bytes)) as { rows?: unknown; columns?: unknown }
  } catch {
    throw damaged('its directory is no JSON')
  }
  const { rows, columns } = directory ?? {}
  if (!Number.isInteger(rows) || (rows as number) < 0 || (rows as number) > MAX_PART_ROWS || !Array.isArray(columns))
    throw damaged('its directory is not one')
  return { rows: rows as number, columns: columns as ColumnEntry[] }
}

/** Bytes of a column as its entry declares it. */
function sizeOf(entry: ColumnEntry): number {
  const { name, count, width } = entry ?? {}
  if (typeof name !== 'string' || !Number.isSafeInteger(count) || count < 0)
    throw damaged('a column has no name or size')
  const widths = { bytes: [1, 1], uint: [0, 4], 'first-seen': [0, 4], zigzag: [0, 7], delta: [0, 7], double: [8, 8] }
  const [least, most] = Object.hasOwn(widths, entry.as) ? widths[entry.as] : [1, 0]
  if (!Number.isInteger(width) || width < least || width > most) throw damaged(`column ${name} has no known encoding`)
  // A column of width 0 takes no bytes however many values it declares.
  if (width === 0 && count > MAX_PART_ROWS * 64) throw damaged(`column ${name} declares too much`)
  return count * width
}
