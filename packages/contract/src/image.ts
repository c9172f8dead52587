import { z } from 'zod'
import { Metadata } from './job.ts'
import { JobFailure, JobOptions, OutputResource } from './native-job.ts'

/** Seeds beyond 2^53 come as text, because a JSON number would not survive. */
const Seed = z.union([z.int().min(0), z.string().regex(/^\d{1,19}$/, 'must be a whole number')])
const Reference = z.union([z.string(), z.record(z.string(), z.json())])

/**
 * `POST /v1/images/generations`, and `POST /v1/images/edits` after its form was read. Parameters that are not listed
 * are passed on to the vendor under their own name.
 */
export const CreateImageRequest = JobOptions.extend({
  model: z.string().min(1).max(200).meta({ description: '<provider>/<model>, for instance runware/runware:101@1' }),
  prompt: z.string().max(32_000).nullish(),
  n: z.int().min(1).max(20).nullish(),
  size: z.string().max(32).nullish().meta({ description: 'WxH, for instance 1024x1024' }),
  negative_prompt: z.string().max(32_000).nullish(),
  num_inference_steps: z.int().min(1).max(1_000).nullish(),
  seed: Seed.nullish(),
  response_format: z.enum(['url', 'b64_json']).nullish(),
  output_format: z.enum(['png', 'jpeg', 'jpg', 'webp']).nullish(),
  output_compression: z.int().min(0).max(100).nullish(),
  image: z.union([z.string(), z.array(z.string()).max(16)]).nullish(),
  mask: z.string().nullish(),
  reference_images: z.array(Reference).max(16).nullish(),
}).catchall(z.json())
export type CreateImageRequest = z.infer<typeof CreateImageRequest>

/** OpenAI's images answer, with the job, seeds and cost beside its own fields. */
export const ImagesResponse = z.object({
  created: z.int().meta({ description: 'Unix seconds' }),
  data: z.array(
    z.object({
      url: z.string().optional(),
      b64_json: z.string().optional(),
      seed: z.string().optional(),
      sha256: z.string(),
    }),
  ),
  output_format: z.string().optional(),
  size: z.string().optional(),
  id: z.string().meta({ description: 'The job, for /v1/jobs/{id}' }),
  cost: z
    .object({ amount: z.number(), unit: z.enum(['credits', 'usd']), usd: z.number(), final: z.boolean() })
    .nullable(),
  failures: z.array(JobFailure),
  outputs: z.array(OutputResource),
  metadata: Metadata,
})
export type ImagesResponse = z.infer<typeof ImagesResponse>
