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
  const styles = getComputedStyle(document.documentElement)
  const token = (name: string): string => styles.getPropertyValue(name).trim()
  const slots = Array.from({ length: 12 }, (_, i) => token(`--svc-${i + 1}`))
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
      font: token('--font-ui'),
    }
  }
  return {
    bg1: token('--bg-1'),
    bg2: token('--bg-2'),
    text1: token('--text-1'),
    text2: token('--text-2'),
    text3: token('--text-3'),
    line: token('--line'),
    accent: token('--accent'),
    focus: token('--focus'),
    err: token('--err'),
    errFill: token('--err-fill'),
    warnFill: token('--warn-fill'),
    info: token('--info'),
    unset: token('--unset'),
    slots,
    font: token('--font-ui'),
  }
}

/** Fits the canvas to its box in device pixels and clears it; null while it has no size. */
export function prepareCanvas(
  canvas: HTMLCanvasElement | null,
  width: number,
  height: number,
): CanvasRenderingContext2D | null {
  const g = canvas?.getContext('2d')
  if (!canvas || !g || width < 1 || height < 1) return null
  const ratio = window.devicePixelRatio || 1
  const w = Math.round(width * ratio)
  const h = Math.round(height * ratio)
  if (canvas.width !== w) canvas.width = w
  if (canvas.height !== h) canvas.height = h
  g.setTransform(ratio, 0, 0, ratio, 0, 0)
  g.clearRect(0, 0, width, height)
  return g
}
