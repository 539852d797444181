import { join } from 'node:path'
import { defineConfig } from 'vite'
import { workerEntries } from './core.mjs'
import { root } from './renderer.mjs'

export default defineConfig({
  root,
  build: {
    ssr: true,
    target: 'node24',
    outDir: 'out/core',
    emptyOutDir: true,
    minify: false,
    rollupOptions: {
      input: { main: join(root, 'core/cli/main.ts'), ...workerEntries() },
      output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
    },
  },
})
