import { readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'

const schema = z.object({
  x: z.int(),
  y: z.int(),
  width: z.int().min(1),
  height: z.int().min(1),
  maximized: z.boolean(),
  zoom: z.number().min(0.25).max(5),
})

/** Where the window was, in screen pixels, and how large its page was drawn. */
export type WindowState = z.infer<typeof schema>

export interface Area {
  x: number
  y: number
  width: number
  height: number
}

export const SMALLEST = { width: 900, height: 600 }
const USUAL = { width: 1440, height: 900 }

/** The saved state, or null when there is none that can be used. */
export function readWindowState(file: string): WindowState | null {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    // A missing or unreadable file only costs the place of the window.
    return null
  }
}

/** @throws the system's error; the place of a window is worth a line in the log, not a stop. */
export function writeWindowState(file: string, state: WindowState): void {
  writeFileSync(file, JSON.stringify(state), { mode: 0o600 })
}

/** The bounds to open with: as saved where a display still shows enough of them, else centred by the system. */
export function boundsFor(saved: WindowState | null, displays: readonly Area[]): Partial<Area> {
  if (!saved) return within(USUAL, displays[0])
  const seen = displays.find((display) => overlap(saved, display) >= 0.25 * saved.width * saved.height)
  if (!seen) return within(saved, displays[0])
  return { x: saved.x, y: saved.y, ...within(saved, seen) }
}

function within(
  wanted: { width: number; height: number },
  display: Area | undefined,
): { width: number; height: number } {
  return {
    width: Math.max(SMALLEST.width, Math.min(wanted.width, display?.width ?? wanted.width)),
    height: Math.max(SMALLEST.height, Math.min(wanted.height, display?.height ?? wanted.height)),
  }
}

function overlap(a: Area, b: Area): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y)
  return width > 0 && height > 0 ? width * height : 0
}
