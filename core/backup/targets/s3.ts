import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { GlassboxError } from '../../base/errors.ts'
import { parseArchiveName } from './archive-name.ts'
import type { BackupTarget, StoredFile } from './target.ts'

/** Where an S3-compatible service keeps archives. */
export interface S3Address {
  /** `https://s3.eu-west-1.amazonaws.com` */
  endpoint: string
  region: string
  bucket: string
  /** Ends with a slash, or is empty. */
  prefix: string
  accessKey: string
  secretKey: string
}

const PART_BYTES = 8 * 1024 * 1024
const ATTEMPTS = 4
/** A request that gets no byte for so long is given up. */
const IDLE_MS = 30_000

/** A bucket of S3 or of what speaks like it. The client is loaded when it is first needed. */
export async function s3Target(address: S3Address): Promise<BackupTarget> {
  const [aws, { Upload }] = await Promise.all([import('@aws-sdk/client-s3'), import('@aws-sdk/lib-storage')])
  const client: S3Client = new aws.S3Client({
    endpoint: address.endpoint,
    region: address.region,
    forcePathStyle: true,
    maxAttempts: ATTEMPTS,
    credentials: { accessKeyId: address.accessKey, secretAccessKey: address.secretKey },
    requestHandler: { connectionTimeout: 10_000, requestTimeout: IDLE_MS },
    // Services that only speak like S3 know no trailing checksums; archives carry their own.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  const { bucket: Bucket, prefix } = address
  const keyOf = (name: string): string => {
    if (!parseArchiveName(name)) throw new GlassboxError('archive_not_found', `${name} is no name of an archive`)
    return prefix + name
  }
  const attempt = async <T>(work: () => Promise<T>, name = ''): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw s3Trouble(error, address, name)
    }
  }
  return {
    list: () =>
      attempt(async () => {
        const files: StoredFile[] = []
        let ContinuationToken: string | undefined
        do {
          const page = await client.send(new aws.ListObjectsV2Command({ Bucket, Prefix: prefix, ContinuationToken }))
          for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
            const name = Key.slice(prefix.length)
            if (parseArchiveName(name))
              files.push({ name, bytes: Size, modifiedAt: (LastModified?.getTime() ?? 0) * 1000 })
          }
          ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined
        } while (ContinuationToken)
        return files
      }),
    upload: (path, name, { signal, progress }) =>
      attempt(async () => {
        const { size } = await stat(path)
        const upload = new Upload({
          client,
          params: { Bucket, Key: keyOf(name), Body: createReadStream(path) },
          partSize: PART_BYTES,
          queueSize: 2,
          leavePartsOnError: false,
        })
        const stop = (): void => void upload.abort()
        signal.addEventListener('abort', stop)
        upload.on('httpUploadProgress', ({ loaded = 0 }) => progress(loaded))
        try {
          signal.throwIfAborted()
          await upload.done()
          signal.throwIfAborted()
        } catch (error) {
          if (!signal.aborted) throw error
          // It may have arrived as a whole at the last moment; what was cancelled is not to be there.
          await client.send(new aws.DeleteObjectCommand({ Bucket, Key: keyOf(name) }))
          throw signal.reason
        } finally {
          signal.removeEventListener('abort', stop)
        }
        const head = await client.send(new aws.HeadObjectCommand({ Bucket, Key: keyOf(name) }))
        if (head.ContentLength !== size)
          throw new GlassboxError('backup_target', `${Bucket} kept ${head.ContentLength} of ${size} bytes of ${name}`)
      }, name),
    open: (name) =>
      attempt(async () => {
        const Key = keyOf(name)
        const head = await client.send(new aws.HeadObjectCommand({ Bucket, Key }))
        const size = head.ContentLength ?? 0
        return {
          size,
          read: (offset, length) =>
            attempt(async () => {
              const end = Math.min(size, offset + length)
              if (end <= offset) return new Uint8Array(0)
              const Range = `bytes=${offset}-${end - 1}`
              const { Body } = await client.send(new aws.GetObjectCommand({ Bucket, Key, Range, IfMatch: head.ETag }))
              return (await Body?.transformToByteArray()) ?? new Uint8Array(0)
            }, name),
          close: async () => undefined,
        }
      }, name),
    remove: (name) =>
      attempt(async () => void (await client.send(new aws.DeleteObjectCommand({ Bucket, Key: keyOf(name) }))), name),
    cleanPartials: (olderThanMs) =>
      attempt(async () => {
        const list = client.send(new aws.ListMultipartUploadsCommand({ Bucket, Prefix: prefix }))
        const { Uploads = [] } = await list.catch((error: Error) => {
          // Not every service that speaks like S3 can say; uploads are ended by us as well when they fail.
          if (error.name === 'NotImplemented') return { Uploads: [] }
          throw error
        })
        let removed = 0
        for (const { Key = '', UploadId, Initiated } of Uploads) {
          if (!parseArchiveName(Key.slice(prefix.length)) || Date.now() - (Initiated?.getTime() ?? 0) < olderThanMs)
            continue
          await client.send(new aws.AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
          removed++
        }
        return removed
      }),
    freeBytes: async () => null,
    close: async () => client.destroy(),
  }
}

/** What the service answered, in one sentence; never with the keys in it. */
function s3Trouble(error: unknown, { endpoint, bucket }: S3Address, name: string): unknown {
  if (error instanceof GlassboxError || (error as Error)?.name === 'JobStopped') return error
  const { name: kind, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } }
  const where = `${endpoint}/${bucket}`
  if (kind === 'NotFound' || kind === 'NoSuchKey')
    return new GlassboxError('archive_not_found', `${name || 'the archive'} is not in ${where}`)
  if (kind === 'PreconditionFailed')
    return new GlassboxError('backup_target', `${name} changed in ${where} while it was read`)
  const status = $metadata?.httpStatusCode ? ` (${$metadata.httpStatusCode})` : ''
  const clock = kind === 'RequestTimeTooSkewed' ? ' The clocks of this machine and of the service differ too much.' : ''
  return new GlassboxError(
    'backup_target',
    `${where} answered ${kind}${status}: ${message || 'no reason given'}.${clock}`,
  )
}
