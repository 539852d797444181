import { join } from 'node:path'
import { defineConfig } from 'vite'
import { APART, ascii, output } from './bundle.mjs'
import { workerEntries } from './core.mjs'
import { root } from './renderer.mjs'

export default defineConfig({
  root,
  plugins: [ascii],
  ssr: { noExternal: true, external: APART },
  build: {
    ssr: true,
    target: 'node24',
    outDir: 'out/core',
    emptyOutDir: true,
    rollupOptions: { input: { main: join(root, 'core/cli/main.ts'), ...workerEntries() }, output },
  },
})
