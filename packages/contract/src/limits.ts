import { z } from 'zod'

const perSecond = z.number().min(0.01).max(100_000)
const count = z.int().min(1).max(1_000_000_000)
const amount = z.number().min(0.001).max(1_000_000_000)

/** What a team or one of its keys may use. What is not named is not limited; days and months are those of UTC. */
export const Limits = z.strictObject({
  requests_per_second: perSecond.optional().meta({ description: 'As many may also come at once' }),
  jobs_in_flight: count.optional().meta({ description: 'Accepted and not ended' }),
  jobs_per_day: count.optional(),
  usd_per_day: amount.optional(),
  usd_per_month: amount.optional(),
  credits_per_day: amount.optional().meta({ description: 'Runway credits' }),
  credits_per_month: amount.optional().meta({ description: 'Runway credits' }),
})
export type Limits = z.infer<typeof Limits>
