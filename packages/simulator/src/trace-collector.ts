import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import { z } from 'zod'

const Value = z.looseObject({ stringValue: z.string().optional(), intValue: z.unknown().optional() })
const Attribute = z.object({ key: z.string(), value: Value })
const Span = z.looseObject({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  kind: z.number(),
  attributes: z.array(Attribute).default([]),
  links: z.array(z.looseObject({ traceId: z.string() })).default([]),
  status: z.looseObject({ code: z.number().optional() }).default({}),
})
const Traces = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: z.array(Attribute) }),
      scopeSpans: z.array(z.object({ spans: z.array(Span) })),
    }),
  ),
})

type Named = 'traceId' | 'spanId' | 'parentSpanId' | 'name' | 'kind' | 'links' | 'status'
/** A span as it was told: attributes as one object, and by whom. */
export type ToldSpan = Pick<z.infer<typeof Span>, Named> & {
  service: unknown
  attributes: Record<string, unknown>
}

export type TraceCollector = {
  url: string
  /** What was posted, as it came. */
  bodies: string[]
  headers: IncomingHttpHeaders[]
  spans(): ToldSpan[]
  close(): Promise<void>
}

/** Takes traces by OTLP over HTTP, as JSON; or refuses them; or, where it `hangs`, never answers. */
export async function startTraceCollector({ hangs = false, status = 200 } = {}): Promise<TraceCollector> {
  const bodies: string[] = []
  const headers: IncomingHttpHeaders[] = []
  const server = createServer(async (request, response) => {
    headers.push(request.headers)
    bodies.push(await text(request))
    if (!hangs) response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    bodies,
    headers,
    spans: () => bodies.flatMap(spansIn),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function spansIn(body: string): ToldSpan[] {
  return Traces.parse(JSON.parse(body)).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans
      .flatMap(({ spans }) => spans)
      .map((span) => ({
        ...span,
        service: valuesOf(resource.attributes)['service.name'],
        attributes: valuesOf(span.attributes),
      })),
  )
}

function valuesOf(attributes: readonly z.infer<typeof Attribute>[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]))
}
