import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { defaultDataDir } from './data-dir.ts'

interface ServeFlags {
  dataDir?: string
  token?: string
  [flag: string]: unknown
}

/** Adds `glassbox serve`: the whole product without a window. */
export function register(program: Command): void {
  program
    .command('serve')
    .description('receive, keep and show telemetry, headless')
    .option('--data-dir <dir>', 'where data lies')
    .option('--host <address>', 'address to listen on (default 127.0.0.1)')
    .option('--api-port <port>', 'port of the api and the page, 0 = any free one (default 4380)')
    .option('--otlp-port <port>', 'port of OTLP/HTTP and Zipkin (default 4318)')
    .option('--otlp-grpc-port <port>', 'port of OTLP/gRPC (default 4317)')
    .option('--engine <engine>', 'sqlite or postgres (default sqlite)')
    .option('--postgres-url <url>', 'where the postgres engine stores')
    .option('--token <token>', 'fixed api token (default: a new one at each start)')
    .option('--log-level <level>', 'trace, debug, info, warn, error, fatal or silent (default info)')
    .option('--allowed-hosts <names>', 'further names of this host, commas between, such as those of a reverse proxy')
    .option('--no-open', 'do not open a browser (headless never does)')
    .action(serve)
}

async function serve(flags: ServeFlags): Promise<void> {
  const [{ createHost }, { loadSettings }] = await Promise.all([
    import('../host.ts'),
    import('../config/load-settings.ts'),
  ])
  const dataDir = resolve(flags.dataDir ?? defaultDataDir())
  const { settings, sources } = loadSettings({ dataDir, flags, environment: process.env })
  const token = flags.token ?? (process.env.GLASSBOX_TOKEN || undefined)
  const host = createHost({ dataDir, settings, sources, token, rendererDir: builtRenderer() })

  let stopping = false
  const stop = (): void => {
    // A second signal changes nothing: the first one already ends within 10 s.
    if (stopping) return
    stopping = true
    setTimeout(() => process.exit(0), 9500).unref()
    host.stop().then(() => process.exit(0))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)

  const addresses = await host.start()
  if (stopping) return
  process.stderr.write(`Open ${addresses.api}/#token=${addresses.token}\n`)
  process.stdout.write(`ready ${JSON.stringify(addresses)}\n`)
}

function builtRenderer(): string | undefined {
  const folders = ['../../out/renderer', '../renderer'].map((path) => fileURLToPath(new URL(path, import.meta.url)))
  return folders.find((folder) => existsSync(`${folder}/index.html`))
}
