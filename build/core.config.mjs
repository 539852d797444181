import { join } from 'node:path'
import { defineConfig } from 'vite'
import { workerEntries } from './core.mjs'
import { root } from './renderer.mjs'

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

/** The folder lies in a package of ES modules, and holds none. */
const commonJsFolder = {
  name: 'commonjs-folder',
  generateBundle() {
    this.emitFile({ type: 'asset', fileName: 'package.json', source: '{ "type": "commonjs" }\n' })
  },
}

/**
 * With their dependencies inside, as CommonJS: a start reads a few files in place of some eight hundred, and `require`
 * of `node:http` does not load Node's fetch as an import does. Names stay as they are, for stack traces.
 */
export default defineConfig({
  root,
  plugins: [commonJsFolder],
  ssr: { noExternal: true, external: APART },
  build: {
    ssr: true,
    target: 'node24',
    outDir: 'out/core',
    emptyOutDir: true,
    rollupOptions: {
      input: { main: join(root, 'core/cli/main.ts'), ...workerEntries() },
      output: {
        format: 'cjs',
        entryFileNames: '[name].js',
        chunkFileNames: '[name]-[hash].js',
        minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
      },
    },
  },
})
