/** `npm run serve -- FLAGS`: always headless. */
import { serve } from './headless.mjs'

await serve(process.argv.slice(2))
