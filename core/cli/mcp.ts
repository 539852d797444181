import type { Command } from 'commander'
import { callHost, type HostFlags, withHostFlags } from './running-host.ts'

/** Adds `glassbox mcp`: the running host's telemetry for an assistant, over stdin and stdout (Model Context Protocol). */
export function register(program: Command): void {
  withHostFlags(program.command('mcp'))
    .description('serve traces, logs and metrics to a coding assistant over stdio (MCP)')
    .action((flags: HostFlags) => serveMcp(flags))
}

async function serveMcp(flags: HostFlags): Promise<void> {
  const [{ serveStdio }, { createMcpServer }, { productVersion }, { systemClock }] = await Promise.all([
    import('@modelcontextprotocol/server/stdio'),
    import('../mcp/tools.ts'),
    import('../version.ts'),
    import('../base/clock.ts'),
  ])
  const ask = async (path: string, params: Record<string, string | number | undefined>): Promise<unknown> => {
    const given = Object.entries(params).filter(([, value]) => value !== undefined) as [string, string | number][]
    const query = new URLSearchParams(given.map(([key, value]): [string, string] => [key, String(value)]))
    return (await callHost(flags, given.length > 0 ? `${path}?${query}` : path)).json()
  }
  serveStdio(() => createMcpServer(ask, productVersion, () => systemClock.nowUs()))
}
