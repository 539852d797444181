import type { RunComparison, RunOperation, ServiceRun } from '../../../../core/api/contract/shapes.ts'
import { equals, type FilterToken } from '../../../app/filter/terms.ts'

/** The runs that the address names, or the latest and the one before it. */
export function chosenRuns(
  items: readonly ServiceRun[],
  run: string,
  base: string,
): { after: ServiceRun | null; before: ServiceRun | null } {
  const after = items.find(({ id }) => id === run) ?? items[0] ?? null
  const older = items[items.findIndex(({ id }) => id === after?.id) + 1] ?? null
  const before =
    items.find(({ id }) => id === base && id !== after?.id) ?? older ?? items.find(({ id }) => id !== after?.id)
  return { after, before: before ?? null }
}

export interface Changes {
  added: number
  gone: number
  slower: number
  faster: number
  newErrors: number
  /** Database calls a request, in all. */
  calls: { before: number; after: number }
}

export function changesOf({ operations, errors, before, after }: RunComparison): Changes {
  const calls = (side: 'before' | 'after'): number =>
    operations.reduce((sum, operation) => sum + (operation[side]?.databaseCalls ?? 0), 0)
  const is = (change: 'slower' | 'faster') => (operation: RunOperation) =>
    operation.p50 === change || operation.p95 === change
  return {
    added: operations.filter((operation) => operation.before === null).length,
    gone: operations.filter((operation) => operation.after === null).length,
    slower: operations.filter(is('slower')).length,
    faster: operations.filter(is('faster')).length,
    newErrors: errors.filter((error) => error.before === 0).length,
    calls: {
      before: calls('before') / Math.max(1, before.requests),
      after: calls('after') / Math.max(1, after.requests),
    },
  }
}

/** What changed most first: new and gone, then slower, then all others as they come. */
export function byChange(operations: readonly RunOperation[]): RunOperation[] {
  const rank = (operation: RunOperation): number => {
    if (operation.before === null || operation.after === null) return 0
    if (operation.p50 === 'slower' || operation.p95 === 'slower') return 1
    return operation.p50 === 'faster' || operation.p95 === 'faster' ? 2 : 3
  }
  return [...operations].sort((a, b) => rank(a) - rank(b))
}

/** Database calls of one database operation to one request of its kind. */
export function perRequest(
  { operations }: RunComparison,
  request: string,
  side: 'before' | 'after',
  calls: number,
): number | null {
  const requests = operations
    .filter((operation) => operation.request && operation.operation === request)
    .reduce((sum, operation) => sum + (operation[side]?.count ?? 0), 0)
  return requests === 0 ? null : calls / requests
}

/** Terms that find the spans of a run, as far as attributes of its resource name it. */
export function runTerms({ id, instance, version }: ServiceRun): FilterToken[] {
  if (instance !== null && !instance.includes('/')) return [equals('service.instance.id', instance)]
  return id.startsWith('version ') && version !== null ? [equals('service.version', version)] : []
}
