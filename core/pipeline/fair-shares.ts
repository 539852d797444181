/**
 * Shares `capacity` among those who want it, by name: nobody gets more than they want, and what the modest leave is
 * shared by the others, evenly but for one. Whole numbers; the sum is the capacity, or all that is wanted if that is less.
 */
export function fairShares(wanted: ReadonlyMap<string, number>, capacity: number): Map<string, number> {
  const shares = new Map<string, number>()
  const ascending = [...wanted].sort((a, b) => a[1] - b[1])
  let left = capacity
  ascending.forEach(([name, want], i) => {
    const share = Math.min(want, Math.floor(left / (ascending.length - i)))
    shares.set(name, share)
    left -= share
  })
  return shares
}
