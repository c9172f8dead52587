import { z } from 'zod'

/** An endpoint that has been answered 410, or that took nothing for five days, is `disabled` by the service itself. */
export const EndpointDisabledReason = z.enum(['gone', 'failing', 'requested'])
export type EndpointDisabledReason = z.infer<typeof EndpointDisabledReason>

/**
 * A registered endpoint as it stands in the hash `keys.endpoints(team)` under its id, as JSON. Scripts read it when a job
 * ends and disable it in place; its address and secrets are read when a webhook is sent.
 */
export const EndpointRow = z.object({
  /** `we_` and a ULID. */
  id: z.string().regex(/^we_[0-9A-HJKMNP-TV-Z]{26}$/),
  url: z.string(),
  name: z.string(),
  /** Empty, or with a `*` among them: all. Lua writes an empty list back as an empty object. */
  eventTypes: z.preprocess((types) => (Array.isArray(types) ? types : []), z.array(z.string())),
  status: z.enum(['enabled', 'disabled']),
  disabledReason: EndpointDisabledReason.optional(),
  createdAtMs: z.number(),
  updatedAtMs: z.number(),
  /** The current one first; one with an expiry was replaced and still signs until then. */
  secrets: z.array(z.object({ sealed: z.string(), expiresAtMs: z.number().optional() })).min(1),
})
export type EndpointRow = z.infer<typeof EndpointRow>

/** Scripts read all endpoints of a team at the end of each of its jobs. */
export const MAX_ENDPOINTS_PER_TEAM = 20
