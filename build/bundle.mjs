/**
 * How the core is bundled, for headless use and for the desktop app alike: with its dependencies inside, as CommonJS. A
 * start then reads a few files in place of some eight hundred, and `require` of `node:http` does not load Node's fetch as
 * an import does.
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

/** Names stay as they are, for stack traces. */
export const output = {
  format: 'cjs',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
  minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
}

/** The folder lies in a package of ES modules, and holds none. */
export const commonJsFolder = {
  name: 'commonjs-folder',
  generateBundle() {
    this.emitFile({ type: 'asset', fileName: 'package.json', source: '{ "type": "commonjs" }\n' })
  },
}
