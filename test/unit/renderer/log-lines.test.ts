import { describe, expect, it } from 'vitest'
import type { LogRecord } from '../../../core/model/records.ts'
import { patternOf } from '../../../core/query/log-pattern.ts'
import { patternRegex } from '../../../renderer/features/logs/derive/attribute-text.ts'
import { LineTops, wrappedSteps } from '../../../renderer/features/logs/derive/line-layout.ts'
import { mergeLines } from '../../../renderer/features/logs/derive/merge-lines.ts'
import { prettyJson, segmentsOf, visibleText } from '../../../renderer/features/logs/derive/segments.ts'
import { severityKey, severityWord } from '../../../renderer/features/logs/derive/severity.ts'

const ESC = String.fromCharCode(27)

describe('log lines', () => {
  it('turns ANSI colours into names and shows other control characters', () => {
    const pieces = segmentsOf(`${ESC}[1;31mfailed${ESC}[0m at once${ESC}[2K`, [])
    expect(pieces.map(({ text, colour, bold }) => [text, colour, bold])).toEqual([
      ['failed', 'red', true],
      [' at once␛[2K', '', false],
    ])
    expect(visibleText('a\u0000b\u202ec\td\ne')).toBe('a␛b␛c\td\ne')
  })

  it('marks what was searched for, and dims JSON', () => {
    const pieces = segmentsOf('tool call Search {"q":"mug"} → 5', ['search', 'mug'])
    expect(pieces.filter(({ hit }) => hit).map(({ text }) => text)).toEqual(['Search', 'mug'])
    expect(
      pieces
        .filter(({ dim }) => dim)
        .map(({ text }) => text)
        .join(''),
    ).toBe(' {"q":"mug"}')
    expect(pieces.map(({ text }) => text).join('')).toBe('tool call Search {"q":"mug"} → 5')
  })

  it('spreads JSON messages and leaves others', () => {
    expect(prettyJson('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}')
    expect([prettyJson('{not json'), prettyJson('plain')]).toEqual([null, null])
  })

  it('knows the height of wrapped lines and which row stands where', () => {
    expect([
      wrappedSteps('', 10),
      wrappedSteps('x'.repeat(21), 10),
      wrappedSteps('a\nb', 10),
      wrappedSteps('日志'.repeat(5), 10),
    ]).toEqual([1, 3, 2, 2])
    const tops = new LineTops(10, 4, 100, (at) => (at === 1 ? 100 : 20))
    expect([0, 10, 11, 12, 13, 14, 100].map((index) => tops.top(index))).toEqual([0, 200, 220, 320, 340, 360, 2080])
    expect([0, 219, 220, 319, 320, 360, 9999].map((y) => tops.at(y))).toEqual([0, 10, 11, 11, 12, 14, 99])
  })

  it('puts lines that arrive late where their time belongs, once', () => {
    const line = (id: string, time: number): LogRecord => ({ id, time, timeNs: 0 }) as LogRecord
    const { lines, added } = mergeLines(
      [line('d', 40), line('b', 20), line('a', 10)],
      [line('e', 50), line('c', 30), line('d', 40)],
    )
    expect(lines.map(({ id }) => id)).toEqual(['e', 'd', 'c', 'b', 'a'])
    expect(added.map(({ id }) => id)).toEqual(['e', 'c'])
    expect(mergeLines([], [line('a', 1)]).lines.length).toBe(1)
  })

  it('names severities by band', () => {
    expect([1, 8, 9, 13, 20, 24].map(severityKey)).toEqual(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
    expect([
      severityWord({ severity: 0, severityText: 'notice' }),
      severityWord({ severity: 0, severityText: '' }),
    ]).toEqual(['notice', '–'])
  })

  it('makes a filter of a pattern that finds its lines', () => {
    const lines = ['waited (250 ms), retrying', 'waited (9 ms), retrying']
    const regex = new RegExp(patternRegex(patternOf(lines[0])))
    expect(lines.every((line) => regex.test(line))).toBe(true)
    expect(regex.test('waited [9 ms], giving up')).toBe(false)
  })
})
