import { z } from 'zod'
import type { AppDeps } from '../app-deps.ts'
import { docsPage } from '../docs-page.ts'
import { openapiDocument } from '../openapi.ts'
import { json } from '../reply.ts'
import type { Route } from '../route.ts'

const ReadinessReport = z.object({
  status: z.enum(['ready', 'not_ready']),
  checks: z.record(z.string(), z.string()).meta({ description: '`ok`, or what is wrong in one word' }),
  warnings: z.array(z.string()),
})

/** Probes, and what this API says about itself. `routes` are all of them, these included. */
export function operationRoutes({ readiness, publicUrl }: AppDeps, routes: () => readonly Route[]): Route[] {
  const base = { tag: 'Operations', errors: 'problem', isPublic: true, method: 'GET' } as const
  const document = once(() => openapiDocument(routes(), publicUrl))
  const documentText = once(() => JSON.stringify(document(), null, 2))
  const page = once(() => docsPage(document()))
  return [
    {
      ...base,
      path: '/livez',
      summary: 'Whether the process lives; never asks Redis, or an outage would restart the fleet',
      answers: { 200: { description: 'It does', schema: z.object({ status: z.literal('ok') }) } },
      handle: () => json(200, { status: 'ok' }),
    },
    {
      ...base,
      path: '/readyz',
      summary: 'Whether this process should get requests',
      answers: {
        200: { description: 'It should', schema: ReadinessReport },
        503: { description: 'It should not', schema: ReadinessReport },
      },
      async handle() {
        const { isReady, checks, warnings } = await readiness()
        const body = { status: isReady ? 'ready' : 'not_ready', checks, warnings }
        return isReady ? json(200, body) : json(503, body, { 'retry-after': '1' })
      },
    },
    {
      ...base,
      path: '/openapi.json',
      summary: 'This API as an OpenAPI document',
      answers: { 200: { description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) } },
      handle: () => ({ status: 200, body: documentText(), headers: { 'content-type': 'application/json' } }),
    },
    {
      ...base,
      path: '/docs',
      summary: 'This API as a page to read',
      answers: { 200: { description: 'A page without scripts', content: 'text/html' } },
      handle: () => ({ status: 200, body: page().html, headers: page().headers }),
    },
  ]
}

function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
