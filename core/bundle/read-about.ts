import { z } from 'zod'
import { GlassboxError } from '../base/errors.ts'
import { type BundleAbout, MOST_BUNDLE_TRACES } from '../model/bundle.ts'

const text = z.string().max(10_000)
const whole = z.int().nonnegative()
const about = z.object({
  title: text,
  note: text,
  madeOn: text,
  start: whole,
  end: whole,
  traces: z
    .array(
      z.object({
        traceId: z.string().regex(/^[0-9a-f]{32}$/),
        service: text,
        name: text,
        start: whole,
        dur: whole,
        status: z.enum(['UNSET', 'OK', 'ERROR']),
        spanCount: whole,
      }),
    )
    .max(MOST_BUNDLE_TRACES),
  notes: z
    .array(
      z.object({
        id: text,
        traceId: text,
        spanId: text,
        text: z.string().max(100_000),
        createdAt: whole,
        updatedAt: whole,
      }),
    )
    .max(20_000)
    .default([]),
  spans: whole,
  logs: whole,
  samples: whole,
  hosts: z.array(text).max(10_000),
  removed: z.array(text).max(10_000),
  masked: z.array(text).max(10_000),
  warnings: z.array(text).max(10_000),
})

/** What a bundle from somebody else says of itself, checked. @throws GlassboxError `archive_damaged` */
export function readAbout(value: unknown): BundleAbout {
  const read = about.safeParse(value)
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw new GlassboxError(
    'archive_damaged',
    `what the bundle says of itself cannot be read: ${issue.path.join('.')} ${issue.message}`,
  )
}
