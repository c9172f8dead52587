import { PriceOverrides } from '@genqueue/providers'
import { z } from 'zod'

/** The operator's prices as JSON; without them only our own list counts. */
export const Prices = z
  .string()
  .default('{}')
  .transform((text, context) => {
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      context.addIssue({ code: 'custom', message: 'is not JSON' })
      return z.NEVER
    }
    const parsed = PriceOverrides.safeParse(value)
    if (parsed.success) return parsed.data
    for (const { path, message } of parsed.error.issues) {
      context.addIssue({ code: 'custom', message: [path.join('.'), message].filter(Boolean).join(': ') })
    }
    return z.NEVER
  })
