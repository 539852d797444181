/** Parameters of the address that belong to one opened trace. */
export const INSPECTOR_PARAMS = [
  'span',
  'view',
  'tab',
  'find',
  'only',
  'zoom',
  'cmp',
  'log',
  'full',
  'folded',
  'colour',
  'show',
] as const
export type InspectorParam = (typeof INSPECTOR_PARAMS)[number]
