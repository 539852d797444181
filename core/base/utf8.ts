/** Values from bytes. U+FEFF at the beginning of a value is part of it, not a mark of byte order to be taken off. */
export const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
