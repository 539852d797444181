import { parseFilter } from '../../core/query/filter-language.ts'
import type { TelemetryReader, TraceQuery } from '../../core/storage/store.ts'

const DAY_US = 86_400e6

/** The query set that both engines are asked, over a corpus that ends at `nowUs`; each run `i` asks for something else. */
export function querySet(
  reader: TelemetryReader,
  { nowUs, days, ids }: { nowUs: number; days: number; ids: string[] },
): Record<string, (i: number) => Promise<unknown>> {
  const query: TraceQuery = {
    start: nowUs - days * DAY_US,
    end: nowUs + 60e6,
    minDuration: null,
    maxDuration: null,
    status: null,
    service: null,
    operation: null,
    filter: [],
    limit: 50,
    cursor: null,
  }
  const day = { ...query, start: nowUs - DAY_US }
  const { searchTraces, trace, traceHistogram, services } = reader
  const where = (text: string): Partial<TraceQuery> => ({ filter: parseFilter(text) })
  return {
    'trace by id': (i) => trace(ids[i % ids.length]),
    'newest page': () => searchTraces(query),
    'page of failed traces': () => searchTraces({ ...query, status: 'error' }),
    'page of slow traces': () => searchTraces({ ...query, minDuration: 1_900_000 }),
    'page of a service': (i) => searchTraces({ ...query, service: ['cart', 'payment'][i % 2] }),
    'page by an equal attribute': (i) => searchTraces({ ...query, ...where(`user.id=u_${i * 7}`) }),
    'page by status >= 500 of slow traces': () =>
      searchTraces({ ...query, ...where('http.response.status_code>=500'), minDuration: 1_000_000 }),
    'service + duration + attribute': (i) =>
      searchTraces({ ...query, ...where(`user.id=u_${i * 7}`), service: 'cart', minDuration: 500_000 }),
    'an attribute that no span has': (i) =>
      searchTraces({ ...query, ...where(`user.id=nobody-${i}`), service: 'cart' }),
    'histogram of a day': () => traceHistogram(day, 120),
    'histogram of a day, filtered': (i) => traceHistogram({ ...day, ...where(`user.id=u_${i}`), service: 'cart' }, 120),
    'histogram of all days': () => traceHistogram(query, 120),
    'services of all days': () => services(query),
  }
}

/** Median and longest of the answers to `rounds` questions, ms; the first one is asked once beforehand. */
export async function timeOf(ask: (i: number) => Promise<unknown>, rounds: number): Promise<[number, number]> {
  const times: number[] = []
  await ask(0)
  for (let i = 1; i <= rounds; i++) {
    const began = performance.now()
    await ask(i)
    times.push(performance.now() - began)
  }
  times.sort((a, b) => a - b)
  return [times[Math.floor(times.length / 2)], times[times.length - 1]]
}
