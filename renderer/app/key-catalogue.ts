import type { KeyHelp } from './keys.ts'

/** Keys that work on every screen. The first of each entry's keys may be given to another in the settings. */
export const GLOBAL_KEYS: KeyHelp[] = [
  { keys: ['/'], text: 'shell.keyFilter' },
  { keys: ['?'], text: 'shell.keyHelp' },
  { keys: ['g', 's t l m d p r b c ,'], text: 'shell.keyGo' },
  { keys: ['t'], text: 'shell.keyRange' },
  { keys: ['['], text: 'shell.keyEarlier' },
  { keys: [']'], text: 'shell.keyLater' },
  { keys: ['-'], text: 'shell.keyZoomOut' },
  { keys: ['='], text: 'shell.keyZoomIn' },
  { keys: ['r'], text: 'shell.keyRefresh' },
  { keys: ['l'], text: 'shell.keyLive' },
  { keys: ['c'], text: 'shell.keyCopyLink' },
  { keys: ['.'], text: 'shell.keyAround' },
]

export const SYSTEM_KEYS: KeyHelp[] = [
  { keys: ['b'], text: 'system.keyCompare' },
  { keys: ['T'], text: 'system.keyTable' },
  { keys: ['←', '→', '↑', '↓'], text: 'system.keyPoint' },
  { keys: ['←', '→', 'Shift'], text: 'system.keySelect' },
  { keys: ['e'], text: 'system.keyExemplar' },
  { keys: ['0'], text: 'system.keyBack' },
]

export const TRACE_KEYS: KeyHelp[] = [
  { keys: ['/'], text: 'shell.keyFilter' },
  { keys: ['j'], text: 'shell.keyNextRow' },
  { keys: ['k'], text: 'shell.keyPreviousRow' },
  { keys: ['Enter'], text: 'shell.keyOpen' },
  { keys: ['y'], text: 'shell.keyCopyId' },
  { keys: ['p'], text: 'inspector.keyPin' },
  { keys: ['f'], text: 'shell.keyFilterFor' },
  { keys: ['F'], text: 'shell.keyFilterOut' },
  { keys: ['o'], text: 'traces.keySort' },
  { keys: ['h'], text: 'traces.keyHeat' },
  { keys: ['w'], text: 'traces.keyWhy' },
  { keys: ['s'], text: 'logs.keyFields' },
  { keys: ['←', '→', 'Shift'], text: 'shell.keyMoveBars' },
]

export const LOG_KEYS: KeyHelp[] = [
  { keys: ['/'], text: 'shell.keyFilter' },
  { keys: ['j'], text: 'shell.keyNextRow' },
  { keys: ['k'], text: 'shell.keyPreviousRow' },
  { keys: ['Enter'], text: 'logs.keyOpen' },
  { keys: ['i'], text: 'logs.keyTrace' },
  { keys: ['u'], text: 'logs.keyAround' },
  { keys: ['p'], text: 'logs.keyPatterns' },
  { keys: ['w'], text: 'logs.keyWrap' },
  { keys: ['s'], text: 'logs.keyFields' },
  { keys: ['f'], text: 'shell.keyFilterFor' },
  { keys: ['F'], text: 'shell.keyFilterOut' },
  { keys: ['y'], text: 'shell.keyCopyId' },
  { keys: ['←', '→', 'Shift'], text: 'shell.keyMoveBars' },
]

export const METRIC_KEYS: KeyHelp[] = [
  { keys: ['/'], text: 'metrics.keyFind' },
  { keys: ['i'], text: 'metrics.keyEditor' },
  { keys: ['Ctrl', 'Enter'], text: 'metrics.keyRun' },
  { keys: ['↑'], text: 'metrics.keyHistory' },
  { keys: ['a'], text: 'metrics.keyAdd' },
  { keys: ['e'], text: 'metrics.keyExplorer' },
  { keys: ['x'], text: 'metrics.keyExemplars' },
  { keys: ['T'], text: 'metrics.keyTable' },
]

export const BOARD_LIST_KEYS: KeyHelp[] = [
  { keys: ['/'], text: 'boards.findBoard' },
  { keys: ['n'], text: 'boards.create' },
  { keys: ['i'], text: 'boards.import' },
]

export const BOARD_KEYS: KeyHelp[] = [
  { keys: ['e'], text: 'boards.keyEdit' },
  { keys: ['←', '→', '↑', '↓'], text: 'boards.keyMove' },
  { keys: ['Shift', '←', '→', '↑', '↓'], text: 'boards.keySize' },
  { keys: ['Esc'], text: 'boards.leaveFull' },
]

export const BACKUP_KEYS: KeyHelp[] = [
  { keys: ['n'], text: 'shell.actionBackUp' },
  { keys: ['u'], text: 'shell.actionRestore' },
]

/** Every single key of these lists once. */
export function remappable(lists: readonly KeyHelp[][]): string[] {
  const firsts = lists.flat().map(({ keys }) => keys[0])
  return [...new Set(firsts.filter((key) => key.length === 1 && !'←→↑↓'.includes(key)))]
}
