/**
 * Loaded before a program: kills it, as `kill -9` does, at the n-th call that changes a file (KILL_AT), counted in its
 * main thread. Says with `calls N` on stderr how many there were when it ends by itself.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'

if (isMainThread) {
  const at = Number(process.env.KILL_AT ?? 0)
  let calls = 0
  const changing = [
    'renameSync',
    'rmSync',
    'writeSync',
    'fsyncSync',
    'mkdirSync',
    'closeSync',
    'write',
    'writev',
    'writeFileSync',
    'fsync',
  ]
  for (const name of changing) {
    const real = fs[name]
    fs[name] = (...args) => {
      // Output is no file.
      if (args[0] !== 1 && args[0] !== 2 && ++calls === at) process.kill(process.pid, 'SIGKILL')
      return real.apply(fs, args)
    }
  }
  for (const name of ['rename', 'rm', 'mkdir', 'writeFile']) {
    const real = fs.promises[name]
    fs.promises[name] = (...args) => {
      if (++calls === at) process.kill(process.pid, 'SIGKILL')
      return real.apply(fs.promises, args)
    }
  }
  syncBuiltinESMExports()
  process.on('exit', () => fs.writeSync(2, `calls ${calls}\n`))
}
