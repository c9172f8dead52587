import { z } from 'zod'

/** How one attempt to call a receiver ended. */
export const DeliveryAttempt = z.object({
  atMs: z.number(),
  durationMs: z.number(),
  /** HTTP status, when there was an answer. */
  status: z.number().optional(),
  /** `blocked`, `dns`, `connect`, `tls`, `timeout`, `reset` …: a class, never an address. `url_gone`, `superseded`: why none was made. */
  error: z.string().optional(),
  /** The beginning of what the receiver answered, as text. */
  answer: z.string().optional(),
  /** When the next one was planned. */
  nextAtMs: z.number().optional(),
  /** Where it went, for an endpoint: its address may have been changed since. */
  url: z.string().optional(),
  /** The header as it was sent: what signed may be gone. */
  signature: z.string().optional(),
})
export type DeliveryAttempt = z.infer<typeof DeliveryAttempt>

/**
 * `exhausted`: nobody took it in ten attempts over about three days; `gone`: the receiver answered 410, to this or
 * to an earlier one, or its endpoint was deleted; `blocked`: an address that may not be called; `held`: its endpoint is disabled, and it is kept for replay.
 */
export const DeliveryStatus = z.enum(['pending', 'delivered', 'exhausted', 'gone', 'blocked', 'held'])
export type DeliveryStatus = z.infer<typeof DeliveryStatus>

/** Telling one receiver about one event; id and body are the same on every attempt. */
export const Delivery = z.object({
  /** `msg_` and the ULID of the job; for an endpoint followed by `_` and the ULID of the endpoint, for progress by `_p` and the sequence before that. */
  id: z.string(),
  jobId: z.string(),
  team: z.string(),
  /** Deliveries to one destination share a window and a circuit: `ep:<endpoint id>` or `host:<team>:<host>`. */
  destination: z.string(),
  /** Of the job itself; an endpoint's is read when it is called. */
  url: z.string().optional(),
  endpointId: z.string().optional(),
  type: z.string(),
  body: z.string(),
  createdAtMs: z.coerce.number(),
  status: DeliveryStatus,
  /** Of all rounds. */
  attempts: z.coerce.number(),
  /** 1, and one more each time it was asked for again. */
  round: z.coerce.number(),
  /** Attempts of this round. */
  step: z.coerce.number(),
  /** While it is pending: not before. Once read, not before the circuit of its destination lets one through, either. */
  nextAtMs: z.coerce.number().optional(),
  endedAtMs: z.coerce.number().optional(),
  /** The last twenty attempts, oldest first. */
  log: z.array(DeliveryAttempt),
})
export type Delivery = z.infer<typeof Delivery>

/** Each attempt stands in a field of its own, so that writing one does not take reading the others. */
const ATTEMPT_FIELD = 'attempt:'

/** Reads a hash of HGETALL; undefined when there is no such delivery. */
export function decodeDelivery(hash: Readonly<Record<string, string>>): Delivery | undefined {
  if (hash['id'] === undefined) return undefined
  const log = Object.entries(hash)
    .filter(([field]) => field.startsWith(ATTEMPT_FIELD))
    .map(([field, text]) => ({ number: Number(field.slice(ATTEMPT_FIELD.length)), attempt: JSON.parse(text) }))
    .sort((a, b) => a.number - b.number)
    .map(({ attempt }) => attempt)
  return Delivery.parse({ ...hash, log })
}
