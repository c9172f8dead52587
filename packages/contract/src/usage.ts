import { z } from 'zod'

/** What a report of usage can be grouped by. */
export const UsageGroup = z.enum(['team', 'key', 'provider', 'model', 'day'])
export type UsageGroup = z.infer<typeof UsageGroup>

const Day = z.iso.date({ error: 'must be a day such as 2026-11-20' })

/** `GET /api/usage`: whole days of UTC, by the time at which jobs came in. */
export const UsageQuery = z.object({
  from: Day.optional().meta({ description: 'The first day; that of the month of `to` unless given' }),
  to: Day.optional().meta({ description: 'The last day, which counts; today unless given' }),
  group_by: z
    .string()
    .max(64)
    .optional()
    .meta({ description: `Any of ${UsageGroup.options.join(', ')} with commas between; one row for all unless given` }),
})
export type UsageQuery = z.infer<typeof UsageQuery>

const Sums = {
  jobs: z.int().meta({ description: 'That have ended' }),
  succeeded: z.int(),
  failed: z.int(),
  canceled: z.int(),
  credits: z.number().meta({ description: 'Runway credits, as Runway charged them' }),
  usd: z.number().meta({ description: 'What the vendors charged, credits included' }),
  unknown: z.int().meta({ description: 'Jobs that may have been charged for, by a vendor that did not tell how much' }),
  unknown_credits: z.number().meta({ description: 'What those may have cost' }),
  unknown_usd: z.number(),
}

export const UsageRow = z.object({
  team: z.string().optional(),
  key: z.string().nullable().optional().meta({ description: 'Id of the API key; null for keys of the environment' }),
  provider: z.string().optional(),
  model: z.string().nullable().optional(),
  day: Day.optional(),
  ...Sums,
})
export type UsageRow = z.infer<typeof UsageRow>

export const UsageReport = z.object({
  object: z.literal('usage'),
  from: Day,
  to: Day,
  data: z.array(UsageRow),
  totals: z.object(Sums),
  open: z
    .object({ jobs: z.int(), held_credits: z.number(), held_usd: z.number() })
    .meta({ description: 'Jobs that have not ended, whenever they came in, and what budgets hold for them' }),
})
export type UsageReport = z.infer<typeof UsageReport>
