import { z } from 'zod'

const amount = z.number().min(0).max(1_000_000)
const Override = z
  .strictObject({
    per_second: amount.optional(),
    /** Counted where a body names no duration. */
    assumed_seconds: z.number().positive().max(86_400).optional(),
    per_result: amount.optional(),
    per_task: amount.optional(),
  })
  .refine(({ per_second, per_result, per_task }) => [per_second, per_result, per_task].some(isNamed), {
    message: 'needs per_second, per_result or per_task',
  })

/**
 * An operator's own prices, in the vendor's unit: by `<provider>/<model>`, `<provider>/<operation>` or `<provider>/*` for
 * whatever has no other.
 */
export const PriceOverrides = z.strictObject({
  credit_usd: z.number().positive().max(1_000).default(0.01),
  models: z
    .record(z.string().regex(/^(runway|runware)\/.{1,200}$/, 'must be <provider>/<model>'), Override)
    .default({}),
})
export type PriceOverrides = z.infer<typeof PriceOverrides>

function isNamed(value: unknown): boolean {
  return value !== undefined
}
