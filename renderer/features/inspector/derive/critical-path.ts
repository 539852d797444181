import type { Children } from './parents.ts'

/** What the trace had to wait for, as pieces of spans, latest first. */
export interface CriticalPath {
  span: Int32Array
  from: Float64Array
  to: Float64Array
  /** µs on the path, by span. */
  total: Float64Array
}

/**
 * Walks back from the end of `root`: at each moment the path belongs to the child that ended last before it, else to
 * the span itself. Children that begin after their parent ended are left out, those that outlive it are clipped: nobody
 * waited for that part. O(n log n), without recursion.
 */
export function criticalPath(root: number, start: Float64Array, dur: Float64Array, children: Children): CriticalPath {
  const total = new Float64Array(start.length)
  const span: number[] = []
  const from: number[] = []
  const to: number[] = []
  const piece = (one: number, a: number, b: number): void => {
    if (b <= a) return
    span.push(one)
    from.push(a)
    to.push(b)
    total[one] += b - a
  }
  const stack: { span: number; byEnd: number[]; at: number; time: number; stop: number; limit: number }[] = []
  const enter = (one: number, stop: number, time: number): void => {
    const byEnd: number[] = []
    for (let i = children.offset[one]; i < children.offset[one + 1]; i++) byEnd.push(children.list[i])
    if (byEnd.length > 1) byEnd.sort((a, b) => start[b] + dur[b] - (start[a] + dur[a]))
    stack.push({ span: one, byEnd, at: 0, time, stop, limit: time })
  }
  if (root >= 0) enter(root, start[root], start[root] + dur[root])
  while (stack.length > 0) {
    const top = stack[stack.length - 1]
    let child = -1
    while (top.at < top.byEnd.length && child === -1) {
      const one = top.byEnd[top.at++]
      const until = Math.min(start[one] + dur[one], top.limit)
      if (start[one] < top.limit && until <= top.time && until > top.stop) child = one
    }
    if (child === -1) {
      piece(top.span, top.stop, top.time)
      stack.pop()
      continue
    }
    const until = Math.min(start[child] + dur[child], top.limit)
    piece(top.span, until, top.time)
    const begin = Math.max(start[child], top.stop)
    top.time = begin
    enter(child, begin, until)
  }
  return { span: Int32Array.from(span), from: Float64Array.from(from), to: Float64Array.from(to), total }
}
