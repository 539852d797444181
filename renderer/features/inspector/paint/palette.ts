import { readToken } from '../../../ui/tokens.ts'

/** Colours of the canvas, read once a change of theme. */
export interface Palette {
  bg1: string
  bg2: string
  text1: string
  text2: string
  text3: string
  line: string
  accent: string
  focus: string
  err: string
  errFill: string
  warnFill: string
  info: string
  unset: string
  /** By service slot, 0 = slot 1. */
  slots: string[]
  font: string
}

/** Under forced colours the system's own take the place of ours: shape and text then tell what colour does not. */
export function readPalette(): Palette {
  const slots = Array.from({ length: 12 }, (_, i) => readToken(`--svc-${i + 1}`))
  if (window.matchMedia('(forced-colors: active)').matches) {
    const text = 'CanvasText'
    return {
      bg1: 'Canvas',
      bg2: 'Canvas',
      text1: text,
      text2: text,
      text3: text,
      line: 'GrayText',
      accent: 'Highlight',
      focus: 'Highlight',
      err: text,
      errFill: text,
      warnFill: text,
      info: text,
      unset: text,
      slots: slots.map(() => text),
      font: readToken('--font-ui'),
    }
  }
  return {
    bg1: readToken('--bg-1'),
    bg2: readToken('--bg-2'),
    text1: readToken('--text-1'),
    text2: readToken('--text-2'),
    text3: readToken('--text-3'),
    line: readToken('--line'),
    accent: readToken('--accent'),
    focus: readToken('--focus'),
    err: readToken('--err'),
    errFill: readToken('--err-fill'),
    warnFill: readToken('--warn-fill'),
    info: readToken('--info'),
    unset: readToken('--unset'),
    slots,
    font: readToken('--font-ui'),
  }
}
