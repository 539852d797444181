declare module 'pino-roll' {
  import type { Writable } from 'node:stream'

  /** Opens a rolling log file; sizes like `10m`. */
  export default function build(options: {
    file: string
    extension: string
    size: string
    limit: { count: number }
    mkdir: boolean
    sync: boolean
  }): Promise<Writable>
}
