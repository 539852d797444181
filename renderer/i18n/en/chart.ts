export const chart = {
  other: 'other',
  time: 'Time',
  newestRows: 'The newest {n} of {all} rows',
  summary: '{title}. {lines}.',
  summaryNone: '{title}: no data in this range.',
  summaryLine: '{name}: last {last}, lowest {least}, highest {most} at {when}',
  summaryMore: 'and {n} more lines',
}
