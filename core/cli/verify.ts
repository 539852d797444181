import { tmpdir } from 'node:os'
import type { Command } from 'commander'
import { type ArchiveFlags, chainBeside, commandHooks, secretOf, withArchiveFlags } from './archive-flags.ts'

interface VerifyFlags extends ArchiveFlags {
  deep?: boolean
}

/** Adds `glassbox verify FILE`. */
export function register(program: Command): void {
  withArchiveFlags(program.command('verify <file>'))
    .description('check every byte of an archive and of those that it adds to; with --deep by a test restore')
    .option('--deep', 'restore into a scratch store and compare its content with what was backed up')
    .addHelpText(
      'after',
      '\nExit codes: 3 wrong password, 4 damaged, or an archive that it adds to is missing, 5 made by a newer Glassbox.',
    )
    .action(verify)
}

async function verify(file: string, flags: VerifyFlags): Promise<void> {
  const { verifyPlaces } = await import('../backup/operations.ts')
  const secret = secretOf(flags)
  const places = await chainBeside(file)
  const hooks = commandHooks(flags.json === true)
  try {
    const manifests = []
    // Every archive of the chain is needed to restore the last.
    for (let i = 0; i < places.length; i++) {
      const scratch = flags.deep ? tmpdir() : null
      manifests.push(await verifyPlaces({ places: places.slice(0, i + 1), secret, scratch }, hooks))
    }
    hooks.end()
    const last = manifests[manifests.length - 1]
    const rows = last.days.reduce((sum, day) => sum + day.rows, 0)
    if (flags.json) {
      const { archive, kind, createdAt, digest, warnings } = last
      process.stdout.write(
        `${JSON.stringify({ ok: true, deep: flags.deep === true, archive, kind, createdAt, digest, rows, chain: manifests.length, warnings })}\n`,
      )
      return
    }
    const chain = manifests.length > 1 ? `, with the ${manifests.length - 1} that it adds to` : ''
    process.stdout.write(`${file}: whole${chain}; ${rows} rows${flags.deep ? ', proven by a test restore' : ''}\n`)
  } finally {
    hooks.end()
  }
}
