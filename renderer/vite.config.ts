import { resolve } from 'node:path'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

/** Run from the top folder, by `vite` for the page alone and by `electron-vite` for the desktop app. */
export default defineConfig({
  root: resolve('renderer'),
  base: '/',
  plugins: [vue()],
  define: {
    __VUE_I18N_LEGACY_API__: 'false',
    __VUE_I18N_FULL_INSTALL__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
  },
  worker: { format: 'es' },
  build: {
    outDir: resolve('out/renderer'),
    emptyOutDir: true,
    target: 'es2022',
    // Fonts and images stay files: the page's Content-Security-Policy allows no data: addresses.
    assetsInlineLimit: 0,
    // What is loaded with what; the size of the first page is checked against it.
    manifest: true,
    rollupOptions: { input: resolve('renderer/index.html') },
  },
})
