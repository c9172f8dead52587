import { z } from 'zod'
import { ProviderName } from './job.ts'

/** What a vendor says of one model; null where it sets no limit. */
const ModelLimits = z.object({
  maxConcurrent: z.int().nullable(),
  maxPerDay: z.int().nullable(),
  usedToday: z.int().nullable(),
})

/** What a vendor tells about one key: its limits now, and what is used of them. */
export const VendorLimits = z.object({
  credits: z.number().nullable(),
  models: z.record(z.string(), ModelLimits),
})
export type VendorLimits = z.infer<typeof VendorLimits>

const Timestamp = z.iso.datetime()
const Count = z.int().min(0)

const LaneLimits = z.object({
  model: z.string().meta({ description: 'A model, or * for all that have no limit of their own' }),
  limit: Count.nullable().meta({
    description: 'How many tasks may be at the vendor at once; null: as many as there are',
  }),
  limit_from: z.enum(['manual', 'vendor']).nullable(),
  in_use: Count,
  per_day: Count.nullable(),
  used_today: Count.nullable(),
})

const KeyRest = z.object({
  model: z.string().nullable().meta({ description: 'null: the key rests for all models' }),
  reason: z.string(),
  since: Timestamp,
  until: Timestamp.meta({ description: 'When the next job may try the key again' }),
})

const KeyLimitsResource = z.object({
  name: z.string(),
  fingerprint: z.string().meta({ description: 'Names the value of the key in logs and jobs' }),
  source: z.enum(['environment', 'stored']),
  usable: z.boolean().meta({ description: 'Whether new tasks may be given to it, apart from rests and limits' }),
  parked: z.boolean().meta({ description: 'The vendor refuses the key; `rests` says since when' }),
  credits: z.number().nullable(),
  read_at: Timestamp.nullable().meta({
    description: 'When the vendor was last heard; null: never, or it has no such call',
  }),
  failing_since: Timestamp.nullable(),
  failure: z.string().nullable(),
  rests: z.array(KeyRest),
  models: z.array(LaneLimits),
})

/** `GET /api/providers/{provider}/limits`. */
export const ProviderLimits = z.object({ provider: ProviderName, keys: z.array(KeyLimitsResource) })
export type ProviderLimits = z.infer<typeof ProviderLimits>
