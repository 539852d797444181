import { describe, expect, it } from 'vitest'
import { matchPieces, rank, traceIdIn } from '../../../renderer/app/palette-rank.ts'
import { niceTop, timeTicks } from '../../../renderer/ui/axis.ts'

describe('palette', () => {
  it('puts prefixes first, then word starts, then what contains the text, then letters in order', () => {
    const entries = ['mail-cart', 'Open cart', 'cart', 'c-a-r-t-x', 'other'].map((label) => ({ id: label, label }))
    expect(rank(entries, 'cart').map((entry) => entry.label)).toEqual(['cart', 'Open cart', 'mail-cart', 'c-a-r-t-x'])
  })

  it('puts what was used lately before its equals, and in front of all without text', () => {
    const entries = ['cart a', 'cart b', 'logs'].map((label) => ({ id: label, label }))
    expect(rank(entries, 'cart', ['cart b']).map((entry) => entry.label)).toEqual(['cart b', 'cart a'])
    expect(rank(entries, '', ['logs'])[0].label).toBe('logs')
  })

  it('marks what was typed', () => {
    const marked = (label: string, text: string) =>
      matchPieces(label, text)
        .map(({ text: piece, hit }) => (hit ? `[${piece}]` : piece))
        .join('')
    expect([marked('POST /cart', 'CART'), marked('Service map', 'smap'), marked('x', 'y')]).toEqual([
      'POST /[cart]',
      '[S]ervice [map]',
      'x',
    ])
  })

  it('finds a trace id alone, in a traceparent and in a log line, and no longer run of digits', () => {
    const id = '4bf92f3577b34da6a3ce929d0e0e4736'
    expect(traceIdIn(id.toUpperCase())).toBe(id)
    expect(traceIdIn(`00-${id}-00f067aa0ba902b7-01`)).toBe(id)
    expect(traceIdIn(`level=error trace_id=${id} msg=x`)).toBe(id)
    expect(traceIdIn(`${id}ff`)).toBeNull()
  })
})

describe('axes', () => {
  it('tops with an even round number at or above the most', () => {
    expect([0, 1, 3, 7, 36, 41, 99, 340].map(niceTop)).toEqual([2, 2, 4, 8, 40, 50, 100, 400])
  })

  it('aligns ticks to the clock of the zone', () => {
    const start = Date.UTC(2026, 10, 25, 5, 43) * 1000
    const { step, at } = timeTicks(start, start + 20 * 60e6, 6, 'Asia/Shanghai')
    expect(step).toBe(300e6)
    expect(at.map((time) => new Date(time / 1000).toISOString().slice(11, 16))).toEqual([
      '05:45',
      '05:50',
      '05:55',
      '06:00',
    ])
  })
})
