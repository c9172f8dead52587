import { ProblemError } from '@genqueue/contract'
import type { InputPlace } from '@genqueue/providers'
import { z } from 'zod'

/** Where a stored input stood in the request. */
export const Place = z.strictObject({ $input: z.int().min(0) })
export const Media = z.union([z.string(), Place])
const Reference = z.union([Media, z.strictObject({ image_url: Media }), z.strictObject({ file_id: Media })])

/** An address, a data URI, an upload at Runway, or an upload at Runware, whose name is a UUID. */
const KNOWN_FORM = /^(?:(?:https|data|runway):|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$)/i

/**
 * The forms in which one image is given: text, a file or long data URI (a place by now), `{image_url}` and
 * `{file_id}`, whose file was looked up before. Undefined when there is none.
 */
export function mediaReference(given: unknown, param: string): string | InputPlace | undefined {
  if (given === undefined || given === null || given === '') return undefined
  const parsed = Reference.safeParse(given)
  const media = parsed.success ? mediaOf(parsed.data, param) : undefined
  if (media === undefined || (typeof media === 'string' && !KNOWN_FORM.test(media))) {
    const message = `${param} must be a file, an https URL, a data URI, a file id, {"image_url": …} or {"file_id": …}`
    throw new ProblemError('invalid_input_reference', message, { param })
  }
  return media
}

function mediaOf(reference: z.infer<typeof Reference>, param: string): string | InputPlace {
  if (typeof reference === 'string' || '$input' in reference) return reference
  if ('image_url' in reference) return reference.image_url
  if (typeof reference.file_id !== 'string') return reference.file_id
  throw new ProblemError('not_found', 'There is no file with this id', { param: `${param}[file_id]` })
}
