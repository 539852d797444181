/** How far a move got, as its target keeps it beside the rows: the cursor in the source, and the writes that brought rows. */
export interface MovePlace {
  cursor: string
  /** First and last number of each run of writes, in order. */
  writes: [number, number][]
}

/** The place after one more write. */
export function advance(place: MovePlace | null, cursor: string, seq: number): MovePlace {
  const writes = place?.writes ?? []
  const last = writes.at(-1)
  if (last && last[1] === seq - 1) return { cursor, writes: [...writes.slice(0, -1), [last[0], seq]] }
  return { cursor, writes: [...writes, [seq, seq]] }
}
