import type { GlassboxError } from '../../base/errors.ts'
import type { startReader } from './reader.ts'

type Reader = ReturnType<typeof startReader>

/**
 * What is searched and counted is asked of the replica, which may lag behind, and of the server itself while the replica is
 * away. A trace that the replica does not have yet is looked for at the server. What must miss nothing is never asked of the
 * replica: the live tail, moves, and samples, which are joined with the newest ones in memory.
 */
export function withReplica(server: Reader, replica: Reader): Reader {
  const orElse = async <T>(ask: (reader: Reader) => Promise<T>): Promise<T> => {
    try {
      return await ask(replica)
    } catch (error) {
      if ((error as GlassboxError).code !== 'postgres_unreachable') throw error
      return ask(server)
    }
  }
  const orServer = async <T>(ask: (reader: Reader) => Promise<T | null> | undefined): Promise<T | null> =>
    (await orElse(async (reader) => (await ask(reader)) ?? null)) ?? (await ask(server)) ?? null
  return {
    ...server,
    searchTraces: (...asked) => orElse((reader) => reader.searchTraces(...asked)),
    trace: (...asked) => orServer((reader) => reader.trace(...asked)),
    tracePart: (...asked) => orServer((reader) => reader.tracePart?.(...asked)),
    traceHistogram: (...asked) => orElse((reader) => reader.traceHistogram(...asked)),
    compareSelection: (...asked) => orElse((reader) => reader.compareSelection(...asked)),
    searchLogs: (...asked) => orElse((reader) => reader.searchLogs(...asked)),
    logHistogram: (...asked) => orElse((reader) => reader.logHistogram(...asked)),
    services: (...asked) => orElse((reader) => reader.services(...asked)),
    serviceGraph: (...asked) => orElse((reader) => reader.serviceGraph(...asked)),
    serviceRuns: (...asked) => orElse((reader) => reader.serviceRuns(...asked)),
    serviceRunDifference: (...asked) => orElse((reader) => reader.serviceRunDifference(...asked)),
    tagKeys: (...asked) => orElse((reader) => reader.tagKeys(...asked)),
    tagValues: (...asked) => orElse((reader) => reader.tagValues(...asked)),
    operations: (...asked) => orElse((reader) => reader.operations(...asked)),
    sql: (...asked) => orElse((reader) => reader.sql(...asked)),
    async stop() {
      await Promise.all([server.stop(), replica.stop()])
    },
  }
}
