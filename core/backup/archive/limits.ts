/** What a reader of archives accepts (FORMAT.md, "Limits"); a writer stays below. */

export const FORMAT_VERSION = 1
export const MAX_HEADER_BYTES = 65_536
/** Plain bytes of one chunk. */
export const CHUNK_BYTES = 1024 * 1024
/** Bytes of a part's body before compression. */
export const MAX_PART_BYTES = 96 * 1024 * 1024
export const MAX_PART_ROWS = 131_072
export const MAX_PARTS = 200_000
