import { describe, expect, it } from 'vitest'
import {
  paramsOf,
  parseTerm,
  splitTerms,
  termProblem,
  termText,
  tokensOf,
} from '../../../renderer/features/traces/derive/filter-tokens.ts'

describe('filter tokens', () => {
  it('keeps quoted blanks together', () => {
    expect(splitTerms('user.name="Ada L" status=error')).toEqual(['user.name="Ada L"', 'status=error'])
  })

  it.each(['http.status_code>=500', '-http.route=/healthz', 'user.name="Ada \\"L\\""', 'http.route=~^/c', 'checkout'])(
    'writes %s as it was read',
    (text) => {
      expect(termText(parseTerm(text))).toBe(text)
    },
  )

  it('gives the api its own parameters and leaves the rest in q', () => {
    const tokens = splitTerms('service=cart status=error duration>100ms -http.route=/healthz checkout').map(parseTerm)
    expect(paramsOf(tokens)).toEqual({
      service: 'cart',
      status: 'error',
      operation: undefined,
      minDuration: '100ms',
      maxDuration: undefined,
      q: '-http.route=/healthz checkout',
    })
  })

  it('goes round through the address', () => {
    const params = { status: 'error', service: 'cart', operation: 'POST /cart', minDuration: '1s', q: 'user.id="4 2"' }
    expect(paramsOf(tokensOf(params))).toEqual({ ...params, maxDuration: undefined })
  })

  it('says what is wrong with a term', () => {
    expect(termProblem(parseTerm('service='))).toBe('noValue')
    expect(termProblem(parseTerm('duration>soon'))).toBe('badDuration')
    expect(termProblem(parseTerm('status=fine'))).toBe('badStatus')
    expect(termProblem(parseTerm('duration>=1.5s'))).toBeNull()
  })
})
