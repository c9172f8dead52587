import { z } from 'zod'

/** A worker or API in a process that may hold several. */
export const Seat = z.object({
  name: z.string(),
  role: z.enum(['worker', 'api']),
  env: z.record(z.string(), z.string()),
  /** As `parseFaults` reads them. */
  faults: z.string(),
  /** Where it writes down which points it came to. */
  hitsFile: z.string(),
})
export type Seat = z.infer<typeof Seat>

export const Order = z.discriminatedUnion('do', [
  z.object({ do: z.literal('start'), seat: Seat }),
  z.object({ do: z.literal('stop'), name: z.string() }),
])
export type Order = z.infer<typeof Order>

export const Answer = z.union([
  z.object({ ready: z.literal(true) }),
  z.object({ started: z.string(), url: z.string() }),
  z.object({ stopped: z.string() }),
  z.object({ failed: z.string() }),
])
export type Answer = z.infer<typeof Answer>
