/** `npm run serve -- FLAGS`: always headless. */
import { ensureRenderer, serve } from './renderer.mjs'

ensureRenderer()
await serve(process.argv.slice(2))
