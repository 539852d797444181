/**
 * How the core is bundled, for headless use and for the desktop app alike: with its dependencies inside, so that a start
 * reads a few files in place of some eight hundred. As ES modules: in CommonJS every call from one file to another goes
 * through a getter, which halves the rate of the intake.
 */

/** Native modules, and what is large and seldom asked for: read from node_modules when it is. */
export const APART = [
  'better-sqlite3',
  'snappy',
  'ssh2',
  'pg-native',
  '@aws-sdk/client-s3',
  '@aws-sdk/lib-storage',
  'systeminformation',
]

/** One character beyond Latin-1 makes V8 keep a whole file at two bytes a character: all are escaped. */
export const ascii = {
  name: 'glassbox-ascii',
  renderChunk: (code) => ({
    code: code.replace(/[\u0080-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`),
    map: null,
  }),
}

/** As it is written: minified, the intake was slower by a quarter. */
export const output = {
  format: 'es',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
  minify: false,
}
