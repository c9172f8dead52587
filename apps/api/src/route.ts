import type { Scope } from '@genqueue/contract'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { z } from 'zod'
import type { Identity } from './access/authenticate.ts'
import type { ErrorShape } from './problem-reply.ts'
import type { Reply } from './reply.ts'

export type ApiContext = Context<{ Bindings: Partial<HttpBindings> }>

/** Who asks, as far as the route wants to know. */
export type Caller = Identity & { requestId: string }

/** One route: what it does, and all that the OpenAPI document says about it. */
export type Route = RouteParts & Access

/** `scope`: what the caller's key must be allowed to do. */
type Access = { isPublic: true; scope?: undefined } | { isPublic?: false; scope: Scope }

type RouteParts = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  summary: string
  tag: 'Videos' | 'Images' | 'Files' | 'Jobs' | 'Webhooks' | 'Admin' | 'Operations'
  errors: ErrorShape
  query?: z.ZodObject
  headers?: Readonly<Record<string, string>>
  /** `multipart`: whether a form is taken beside JSON, or instead of it. */
  body?: { schema: z.ZodType; multipart: boolean | 'only' }
  answers: Readonly<Record<number, { description: string; schema?: z.ZodType; content?: string }>>
  handle(c: ApiContext, caller: Caller): Reply | Promise<Reply>
}
