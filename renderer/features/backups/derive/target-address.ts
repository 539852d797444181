/** Where archives go, in its parts; what does not belong to its kind is empty. */
export interface TargetFields {
  kind: 'folder' | 's3' | 'sftp'
  folder: string
  host: string
  bucket: string
  prefix: string
  region: string
  user: string
  password: string
  tls: boolean
  hostKey: string
}

export const emptyTarget: TargetFields = {
  kind: 'folder',
  folder: '',
  host: '',
  bucket: '',
  prefix: '',
  region: '',
  user: '',
  password: '',
  tls: true,
  hostKey: '',
}

/** Stands for a saved password in addresses that the core shows. */
export const HIDDEN = '***'

const decode = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The parts of an address as the setting `backup.targets` has it. */
export function readTargetAddress(address: string): TargetFields {
  if (!/^(s3|sftp):\/\//.test(address) || !URL.canParse(address)) return { ...emptyTarget, folder: address }
  const url = new URL(address)
  const fields = { ...emptyTarget, host: url.host, user: decode(url.username), password: decode(url.password) }
  if (url.protocol === 'sftp:')
    return { ...fields, kind: 'sftp', folder: decode(url.pathname), hostKey: url.searchParams.get('hostKey') ?? '' }
  const [bucket = '', ...prefix] = decode(url.pathname).split('/').filter(Boolean)
  const region = url.searchParams.get('region') ?? ''
  return { ...fields, kind: 's3', bucket, prefix: prefix.join('/'), region, tls: url.searchParams.get('tls') !== '0' }
}

/** The address of the parts. */
export function targetAddress(fields: TargetFields): string {
  if (fields.kind === 'folder') return fields.folder.trim()
  const encode = encodeURIComponent
  // What stands for a saved password is sent back as it came.
  const password = fields.password === HIDDEN ? HIDDEN : encode(fields.password)
  const login = fields.user === '' ? '' : `${encode(fields.user)}${password === '' ? '' : `:${password}`}@`
  const query = new URLSearchParams()
  const path = (text: string): string =>
    text
      .split('/')
      .filter(Boolean)
      .map((part) => (part === '~' ? part : encode(part)))
      .join('/')
  const host = fields.host.trim()
  if (fields.kind === 'sftp') {
    if (fields.hostKey !== '') query.set('hostKey', fields.hostKey.trim())
    return `sftp://${login}${host}/${path(fields.folder)}${query.size > 0 ? `?${query}` : ''}`
  }
  if (fields.region !== '') query.set('region', fields.region.trim())
  if (!fields.tls) query.set('tls', '0')
  return `s3://${login}${host}/${path(`${fields.bucket}/${fields.prefix}`)}${query.size > 0 ? `?${query}` : ''}`
}

/** Names of fields that must be filled before the target can be tried. */
export function missingTargetFields(fields: TargetFields, hasPrivateKey: boolean): (keyof TargetFields)[] {
  const needed: (keyof TargetFields)[] =
    fields.kind === 'folder'
      ? ['folder']
      : fields.kind === 's3'
        ? ['host', 'bucket', 'user', 'password']
        : ['host', 'user', ...(hasPrivateKey ? [] : ['password' as const]), 'folder']
  return needed.filter((name) => String(fields[name]).trim() === '')
}

/** The host key that an error of the test named, to be trusted or not. */
export function hostKeyIn(error: string): string | null {
  return (
    /host key[^:]*: (SHA256:[A-Za-z0-9+/]+)|showed the host key (SHA256:[A-Za-z0-9+/]+)/
      .exec(error)
      ?.slice(1)
      .find(Boolean) ?? null
  )
}
