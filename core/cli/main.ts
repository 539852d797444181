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
  agent: () => import('./agent.ts'),
  run: () => import('./run.ts'),
  import: () => import('./import.ts'),
  export: () => import('./export.ts'),
  bundle: () => import('./bundle.ts'),
  open: () => import('./open.ts'),
  migrate: () => import('./migrate.ts'),
  sql: () => import('./sql.ts'),
  backup: () => import('./backup.ts'),
  verify: () => import('./verify.ts'),
  restore: () => import('./restore.ts'),
  service: () => import('./service.ts'),
  doctor: () => import('./doctor.ts'),
  mcp: () => import('./mcp.ts'),
}

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 wrong password, 4 damaged data, 5 version refused,
6 target or server unreachable. run hands on the exit code of its program.
Every flag of serve is also an environment variable: --data-dir is GLASSBOX_DATA_DIR.`

async function main(): Promise<void> {
  const [{ Command, CommanderError }, { productVersion }, { exitCodeOf }] = await Promise.all([
    import('commander'),
    import('../version.ts'),
    import('./running-host.ts'),
  ])
  const program = new Command('glassbox')
    .description('Traces, logs and metrics of your apps under one roof')
    .version(productVersion)
    .enablePositionalOptions()
    .addHelpText('after', EXIT_CODES)
    .exitOverride()
  const named = commands[process.argv[2]]
  for (const load of named ? [named] : Object.values(commands)) (await load()).register(program)
  for (const command of program.commands) command.exitOverride().showHelpAfterError('(add --help for the flags)')
  try {
    await program.parseAsync()
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
    else {
      process.stderr.write(failureText(error as Error & { hint?: string; code?: string }))
      process.exitCode = exitCodeOf(error)
    }
  }
}

/** With `--json` among the flags a failure is JSON, too: one line on stderr. */
function failureText({ message, hint = '', code = 'failed' }: Error & { hint?: string; code?: string }): string {
  const end = process.argv.indexOf('--')
  if (process.argv.slice(2, end === -1 ? undefined : end).includes('--json'))
    return `${JSON.stringify({ error: { code, message, hint } })}\n`
  return `${message}\n${hint ? `${hint}\n` : ''}`
}

// A reader that closes the pipe early (`glassbox sql … | head`) has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

main()

export {}
