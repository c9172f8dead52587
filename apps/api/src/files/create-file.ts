import { ProblemError } from '@genqueue/contract'
import { z } from 'zod'
import { Place } from '../accept/media-reference.ts'
import type { AppDeps } from '../app-deps.ts'
import { coerceForm } from '../intake/coerce-form.ts'
import { readBody } from '../intake/read-body.ts'
import { parseRequest } from '../invalid-request.ts'
import type { ApiContext, Caller } from '../route.ts'
import { newFileId, type StoredFile } from './stored-files.ts'

/** The form of `POST /v1/files`, as callers see it. */
export const NewFile = z.strictObject({
  file: z.string().meta({ format: 'binary', description: 'An image, a video or audio' }),
  purpose: z.string().min(1).max(64).optional(),
  expires_after: z
    .strictObject({ anchor: z.literal('created_at'), seconds: z.int().min(60).max(31_536_000) })
    .optional()
    .meta({ description: 'Sooner than FILE_RETENTION_DAYS; later is not possible' }),
})
const FileAfterIntake = NewFile.extend({ file: Place })

/** Streams the form's file into storage and writes down what it is; a request that is refused leaves nothing. */
export async function createFile(c: ApiContext, { team }: Caller, deps: AppDeps): Promise<StoredFile> {
  const { redis, storage, files, config, now = Date.now } = deps
  const { headers, signal } = c.req.raw
  if (redis.status !== 'ready') throw new ProblemError('unavailable', 'Try again in a second')
  if (!headers.get('content-type')?.toLowerCase().startsWith('multipart/')) {
    throw new ProblemError('unsupported_media_type', 'Send the file in a multipart/form-data body, as the part file')
  }
  const createdMs = now()
  const id = newFileId(createdMs)
  const keyOf = (index: number, extension: string) => `files/${id}${index > 0 ? `-${index}` : ''}.${extension}`
  const body = await readBody(c.req.raw, { storage, keyOf, limits: config.limits, signal })
  try {
    const value = coerceForm(body.value, { purpose: 'text', 'expires_after[seconds]': 'integer' })
    if (typeof value.file === 'string') {
      throw new ProblemError('invalid_request', 'file must be a file, with a filename', { param: 'file' })
    }
    const { purpose = 'user_data', expires_after } = parseRequest(FileAfterIntake, value)
    const [stored] = body.inputs
    if (!stored) throw new ProblemError('missing_parameter', 'file is missing', { param: 'file' })
    const keepMs = Math.min(config.fileRetentionMs, (expires_after?.seconds ?? Number.POSITIVE_INFINITY) * 1000)
    const file: StoredFile = { ...stored, id, team, purpose, createdMs, expiresMs: createdMs + keepMs }
    await files.add(file)
    return file
  } catch (error) {
    await body.discard()
    throw error
  }
}
