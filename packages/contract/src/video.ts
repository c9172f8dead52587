import { z } from 'zod'
import { Metadata } from './job.ts'
import { JobOptions, OutputResource } from './native-job.ts'

/** A reference to something that lies elsewhere, or was stored before. */
const ReferenceObject = z.object({ image_url: z.string().optional(), file_id: z.string().optional() }).strict()

/**
 * `POST /v1/videos` after its body was read (JSON or form). Parameters that are not listed are passed on to the
 * vendor under their own name.
 */
export const CreateVideoRequest = JobOptions.extend({
  model: z.string().min(1).max(200).meta({ description: '<provider>/<model>, for instance runway/gen4_turbo' }),
  prompt: z.string().max(32_000).optional(),
  seconds: z.string().max(16).optional().meta({ description: 'Duration in seconds, as text' }),
  size: z.string().max(32).optional().meta({ description: 'WxH, for instance 1280x720' }),
  input_reference: z.union([z.string(), ReferenceObject]).optional(),
  seed: z.int().min(0).optional(),
  audio: z.boolean().optional(),
  video_uri: z.string().optional(),
  negative_prompt: z.string().max(32_000).optional(),
  references: z.array(z.record(z.string(), z.json())).max(50).optional(),
  reference_images: z.array(z.record(z.string(), z.json())).max(50).optional(),
  content_moderation: z.record(z.string(), z.json()).optional(),
}).catchall(z.json())
export type CreateVideoRequest = z.infer<typeof CreateVideoRequest>

/** OpenAI's video object, with `outputs`, `metadata`, `provider` and `upstream_status` beside its own fields. */
export const Video = z.object({
  id: z.string(),
  object: z.literal('video'),
  model: z.string(),
  status: z.enum(['queued', 'in_progress', 'completed', 'failed']),
  progress: z.int().min(0).max(100),
  created_at: z.int().meta({ description: 'Unix seconds' }),
  completed_at: z.int().nullable(),
  expires_at: z.int().nullable(),
  prompt: z.string().nullable(),
  size: z.string().nullable(),
  seconds: z.string().nullable(),
  remixed_from_video_id: z.null(),
  error: z
    .object({
      code: z.string(),
      message: z.string(),
      provider_code: z.string().nullable(),
      provider_message: z.string().nullable(),
      retryable: z.boolean(),
    })
    .nullable(),
  provider: z.string(),
  upstream_status: z.string().nullable(),
  outputs: z.array(OutputResource),
  metadata: Metadata,
})
export type Video = z.infer<typeof Video>

export const VideoList = z.object({
  object: z.literal('list'),
  data: z.array(Video),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
})
export type VideoList = z.infer<typeof VideoList>

export const DeletedVideo = z.object({ id: z.string(), object: z.literal('video.deleted'), deleted: z.literal(true) })
export type DeletedVideo = z.infer<typeof DeletedVideo>
