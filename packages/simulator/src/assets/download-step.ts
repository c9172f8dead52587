import { z } from 'zod'
import { Reply } from '../reply.ts'

/** What one or more GETs of an output see. Steps are used up in order, then the output is served as it is. */
export const DownloadStep = Reply.extend({
  times: z.union([z.int().min(1), z.literal('forever')]).optional(),
  /** Only for this output of the task. */
  index: z.int().min(0).optional(),
  mode: z
    .enum(['ok', 'expire', 'zero', 'truncated', 'chunked', 'huge', 'slow', 'stall', 'no_range', 'etag', 'gzip'])
    .optional(),
  bytes: z.int().min(1).optional(),
})
export type DownloadStep = z.infer<typeof DownloadStep>

/** The part of a script that concerns its outputs. */
export const DownloadBend = z.strictObject({
  download: z.array(DownloadStep).optional(),
  /** Host and file name written into output URLs. */
  url: z.strictObject({ host: z.string().optional(), fileName: z.string().optional() }).optional(),
})
export type DownloadBend = z.infer<typeof DownloadBend>

/** The step this download plays; every output of the task goes through the steps on its own. */
export function takeDownloadStep(
  downloadsUsed: Map<number, number>,
  { download }: DownloadBend,
  index: number,
): DownloadStep | undefined {
  const used = downloadsUsed.get(index) ?? 0
  downloadsUsed.set(index, used + 1)
  let passed = 0
  for (const step of download ?? []) {
    if (step.index !== undefined && step.index !== index) continue
    passed += step.times === 'forever' ? Number.POSITIVE_INFINITY : (step.times ?? 1)
    if (used < passed) return step
  }
  return undefined
}
