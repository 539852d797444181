/** `npm run demo -- [--to URL] [--rate N] [--seconds N] [--seed N]`: real OpenTelemetry SDK calls of an eight-service shop. */
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Shop } from './shop.ts'

const { values } = parseArgs({
  options: {
    to: { type: 'string', default: 'http://localhost:4318' },
    rate: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
  },
})
const rate = Number(values.rate)
const seconds = Number(values.seconds)
if (!(rate > 0 && rate <= 1000) || !(seconds >= 0)) {
  process.stderr.write('--rate wants 0 to 1000 requests a second, --seconds 0 (until Ctrl C) or more\n')
  process.exit(2)
}

const there = await fetch(`${values.to}/v1/traces`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{}',
}).catch(() => null)
if (!there?.ok) {
  process.stderr.write(
    `Nothing takes telemetry at ${values.to}. Start Glassbox first (npm start), or name it with --to.\n`,
  )
  process.exit(6)
}

const shop = new Shop(values.to, Number(values.seed))
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
if (seconds > 0) AbortSignal.timeout(seconds * 1000).addEventListener('abort', () => stop.abort())

process.stderr.write(`shop: ${rate} requests/s to ${values.to}${seconds ? ` for ${seconds} s` : ', Ctrl C ends it'}\n`)
const running = new Set<Promise<void>>()
let sent = 0
while (!stop.signal.aborted) {
  const request = shop.request()
  running.add(request)
  void request.finally(() => running.delete(request))
  sent++
  await wait(1000 / rate, undefined, { signal: stop.signal }).catch(() => {})
}
await Promise.allSettled(running)
await shop.stop()
process.stdout.write(`${sent} requests sent\n`)
