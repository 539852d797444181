import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'

/** Resolves with the bound port, or rejects with the socket's error. */
export function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.removeListener('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** Why a port could not be had, naming the program that holds it where the system tells (Linux). */
export function portProblem(error: NodeJS.ErrnoException, port: number): string {
  if (error.code !== 'EADDRINUSE') return `port ${port} cannot be opened: ${error.message}`
  const holder = process.platform === 'linux' ? portHolder(port) : null
  return `port ${port} is taken${holder ? ` by ${holder}` : ' by another program'}`
}

function portHolder(port: number): string | null {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const inodes = new Set<string>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readQuietly(table).split('\n')) {
      const fields = line.trim().split(/\s+/)
      if (fields[1]?.endsWith(suffix) && fields[3] === '0A') inodes.add(`socket:[${fields[9]}]`)
    }
  }
  if (inodes.size === 0) return null
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of listQuietly(`/proc/${pid}/fd`)) {
      if (inodes.has(linkQuietly(`/proc/${pid}/fd/${fd}`))) {
        return `${readQuietly(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim().slice(0, 120)} (pid ${pid})`
      }
    }
  }
  return null
}

// Other users' processes and ones that just ended cannot be read: then the port is simply "taken".
function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function listQuietly(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function linkQuietly(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
