import { describe, expect, it } from 'vitest'
import { GLOBAL_KEYS, LOG_KEYS, remappable, TRACE_KEYS } from '../../../renderer/app/key-catalogue.ts'
import { keyProblem, remap, shownKey } from '../../../renderer/app/key-map.ts'

describe('keys of one’s own', () => {
  const bindings = {
    l: 'live',
    'Shift+f': 'out',
    'g t': 'traces',
    '[Shift]+?': 'help',
    '$mod+k': 'palette',
    Enter: 'open',
  }

  it('leaves everything as it is without changes', () => {
    expect(remap(bindings, {})).toEqual(bindings)
  })

  it('moves a key, switches one off, and moves sequences by their first key', () => {
    expect(remap(bindings, { l: 'V', F: '', g: 'x', '?': '!' })).toEqual({
      'Shift+v': 'live',
      'x t': 'traces',
      '[Shift]+!': 'help',
      '$mod+k': 'palette',
      Enter: 'open',
    })
    expect([shownKey('l', { l: 'V' }), shownKey('F', { F: '' }), shownKey('r', {})]).toEqual(['V', null, 'r'])
  })

  it('refuses a key that another action uses', () => {
    const used = remappable([GLOBAL_KEYS, TRACE_KEYS, LOG_KEYS])
    expect(used).toContain('l')
    expect([keyProblem('l', 'r', used, {}), keyProblem('l', 'z', used, {}), keyProblem('l', 'F5', used, {})]).toEqual([
      'taken',
      null,
      'notSingle',
    ])
    expect(keyProblem('l', 'r', used, { r: '' })).toBeNull()
  })
})
