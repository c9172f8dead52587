import { z } from 'zod'

/** What an API key may be allowed to do; each route names one. */
export const SCOPES = [
  'jobs:create',
  'jobs:read',
  'jobs:cancel',
  'webhooks:manage',
  'providers:admin',
  'keys:admin',
] as const

export const Scope = z.enum(SCOPES)
export type Scope = z.infer<typeof Scope>
