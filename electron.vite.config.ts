import { defineConfig } from 'electron-vite'
import type { Plugin } from 'vite'
import { APART, ascii, output } from './build/bundle.mjs'
import { workerEntries } from './build/core.mjs'
import renderer from './renderer/vite.config.ts'

/**
 * electron-vite makes the page's addresses relative, for pages from files. Ours comes from the core over HTTP, also at
 * /traces/ID, where a relative address would be looked for below /traces.
 */
const absoluteAddresses: Plugin = { name: 'absolute-addresses', enforce: 'post', config: () => ({ base: '/' }) }

/** Workers are entries of their own, flat beside the main file: core/base/worker-file.ts finds them there. */
export default defineConfig({
  main: {
    plugins: [ascii],
    build: {
      externalizeDeps: false,
      outDir: 'out/main',
      rollupOptions: {
        input: { index: 'electron/main.ts', ...workerEntries() },
        external: [...APART, 'electron-updater'],
        output,
      },
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      rollupOptions: {
        input: { preload: 'electron/preload.ts' },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    ...renderer,
    plugins: [...(renderer.plugins ?? []), absoluteAddresses],
    // electron-vite leaves scripts as they are unless told otherwise.
    build: { ...renderer.build, minify: 'oxc' },
  },
})
