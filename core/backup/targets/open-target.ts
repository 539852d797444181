import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GlassboxError } from '../../base/errors.ts'
import { localFolder } from './local-folder.ts'
import type { BackupTarget } from './target.ts'

const bad = (detail: string): GlassboxError =>
  new GlassboxError(
    'bad_setting',
    detail,
    'Write a folder, s3://KEY:SECRET@HOST/BUCKET/PREFIX?region=REGION, or sftp://USER:PASSWORD@HOST/FOLDER?hostKey=SHA256:….',
  )

/** Whether a text is an address of a target rather than a file or folder. */
export const isTargetAddress = (text: string): boolean => /^(s3|sftp|file):\/\//.test(text)

/**
 * The target that an address names: a folder, `file:///FOLDER`, `s3://KEY:SECRET@HOST[:PORT]/BUCKET[/PREFIX]?region=…&tls=0`
 * or `sftp://USER:PASSWORD@HOST[:PORT]/FOLDER?hostKey=SHA256:…`.
 * @param privateKey PEM, for sftp instead of a password
 * @throws GlassboxError `bad_setting`
 */
export async function openTarget(address: string, privateKey: string | null = null): Promise<BackupTarget> {
  if (!isTargetAddress(address)) {
    if (address === '' || /^[a-z][a-z0-9+.-]+:\/\//i.test(address))
      throw bad('the address of the target is of no known kind')
    return localFolder(resolve(address))
  }
  if (!URL.canParse(address)) throw bad('the address of the target cannot be read')
  const url = new URL(address)
  const user = decodeURIComponent(url.username)
  const password = decodeURIComponent(url.password)
  const path = decodeURIComponent(url.pathname)
  if (url.protocol === 'file:') return localFolder(fileURLToPath(url))
  if (url.hostname === '') throw bad('the address of the target names no host')
  if (url.protocol === 'sftp:') {
    if (user === '') throw bad('the address of the target names no user')
    const { sftpTarget } = await import('./sftp.ts')
    return sftpTarget({
      host: url.hostname,
      port: url.port === '' ? 22 : Number(url.port),
      user,
      password: password === '' ? null : password,
      privateKey,
      // `/~/backups` is below the home folder of the user.
      folder: path.startsWith('/~/') ? path.slice(3) : path,
      hostKey: url.searchParams.get('hostKey'),
    })
  }
  const [bucket, ...prefix] = path.split('/').filter((part) => part !== '')
  if (!bucket) throw bad('the address of the target names no bucket')
  const { s3Target } = await import('./s3.ts')
  return s3Target({
    endpoint: `${url.searchParams.get('tls') === '0' ? 'http' : 'https'}://${url.host}`,
    region: url.searchParams.get('region') ?? 'us-east-1',
    bucket,
    prefix: prefix.map((part) => `${part}/`).join(''),
    accessKey: user,
    secretKey: password,
  })
}
