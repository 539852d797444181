import { defineConfig } from 'electron-vite'
import { workerEntries } from './build/core.mjs'
import renderer from './renderer/vite.config.ts'

/** Workers are entries of their own, flat beside the main file: core/base/worker-file.ts finds them there. */
export default defineConfig({
  main: {
    build: {
      externalizeDeps: true,
      outDir: 'out/main',
      rollupOptions: {
        input: {
          index: 'electron/main.ts',
          ...workerEntries(),
        },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
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
  renderer,
})
