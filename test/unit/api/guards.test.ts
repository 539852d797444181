import { expect, it } from 'vitest'
import { checkHost } from '../../../core/api/guards.ts'
import { hostAllowed } from '../../../core/receivers/http-guards.ts'

const configured = ['Glassbox.example', 'other.example:8443']

it.each([
  ['localhost:4380', true],
  ['localhost:1', false],
  ['localhost', false],
  ['glassbox.example', true],
  ['GLASSBOX.example:443', true],
  ['other.example:8443', true],
  ['other.example', false],
  ['other.example:1', false],
  ['glassbox.example.evil', false],
  ['evil.example', false],
])('answers to its own names with its port and to configured ones as they are written: %s', (host, taken) => {
  const check = (): void => checkHost(host, 4380, '0.0.0.0', configured)
  if (taken) expect(check).not.toThrow()
  else expect(check).toThrow(/not one of this server's names/)
  // The receivers take a bare loopback name, too.
  expect(hostAllowed(host, 4380, [], configured)).toBe(taken || host === 'localhost')
})
