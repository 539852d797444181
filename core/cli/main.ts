#!/usr/bin/env node
/**
 * The `glassbox` command. Nothing native and nothing of the product is loaded before the Node version is known to do,
 * and each command loads only its own part.
 */
const [major] = process.versions.node.split('.').map(Number)
if (major < 22) {
  process.stderr.write(`Glassbox needs Node 22 or newer; this is Node ${process.versions.node}.\n`)
  process.exit(1)
}

const commands: Record<string, () => Promise<{ register(program: import('commander').Command): void }>> = {
  serve: () => import('./serve.ts'),
  import: () => import('./import.ts'),
  export: () => import('./export.ts'),
  sql: () => import('./sql.ts'),
  doctor: () => import('./doctor.ts'),
  mcp: () => import('./mcp.ts'),
}

async function main(): Promise<void> {
  const [{ Command, CommanderError }, { productVersion }] = await Promise.all([
    import('commander'),
    import('../version.ts'),
  ])
  const program = new Command('glassbox')
    .description('Traces, logs and metrics of your apps under one roof')
    .version(productVersion)
    .exitOverride()
  const named = commands[process.argv[2]]
  for (const load of named ? [named] : Object.values(commands)) (await load()).register(program)
  for (const command of program.commands) command.exitOverride()
  try {
    await program.parseAsync()
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
    else {
      const { message, hint } = error as Error & { hint?: string }
      process.stderr.write(`${message}\n${hint ? `${hint}\n` : ''}`)
      process.exitCode ||= 1
    }
  }
}

await main()

export {}
