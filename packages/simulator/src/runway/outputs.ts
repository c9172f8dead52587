import { z } from 'zod'
import type { MediaType } from '../assets/media.ts'
import { mediaKindOf } from './catalogue.ts'

export interface OutputSpec {
  readonly type: MediaType
  /** The file is padded to this size. */
  readonly minBytes: number
}

const Wished = z.object({
  outputFormat: z.string().optional().catch(undefined),
  outputCount: z.int().min(1).max(10).optional().catch(undefined),
  audio: z.boolean().optional().catch(undefined),
})

/** The files a task of this endpoint gives for this body: a sequence is an archive with its sound beside it. */
export function regularOutputs(endpoint: string, body: unknown, minBytes: number): OutputSpec[] {
  const { outputFormat = '', outputCount = 1 } = Wished.catch({}).parse(body)
  const kind = mediaKindOf(endpoint)
  if (outputFormat.includes('_sequence')) {
    return [
      { type: 'application/zip', minBytes },
      { type: 'audio/wav', minBytes },
    ]
  }
  const type = kind === 'video' ? 'video/mp4' : kind === 'audio' ? 'audio/wav' : imageType(outputFormat)
  return Array.from({ length: outputCount }, () => ({ type, minBytes }))
}

function imageType(outputFormat: string): MediaType {
  return outputFormat === 'jpeg' ? 'image/jpeg' : 'image/png'
}
