import Fastify from 'fastify'
import { Webhook } from 'standardwebhooks'

/** The part of an event that this program reads; docs/webhooks.md has the whole. */
type Event = { type: string; data: { id: string } }

const webhook = new Webhook(process.env.WEBHOOK_SECRET ?? '')
/** Ids of events that were taken. In your database: a unique column, written together with the event. */
const taken = new Set<string>()

/** Runs after the answer: genqueue waits 15 s for that, your work may take longer. */
function work(event: Event): void {
  console.log(`${event.type} ${event.data.id}`)
}

const app = Fastify()
app.register(async (hooks) => {
  // The signature is over the bytes as they came, and Fastify parses JSON by itself. This parser keeps them; it holds in
  // this plugin only, so all other routes go on as before.
  hooks.removeContentTypeParser('application/json')
  hooks.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    async (_: unknown, body: Buffer) => body,
  )
  hooks.post<{ Body: Buffer }>('/hook', async (request, reply) => {
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    let event: Event
    try {
      event = webhook.verify(request.body, headers) as Event // signed by genqueue
    } catch {
      return reply.code(400).send()
    }
    // An event may come more than once, always under the same id.
    const id = headers['webhook-id'] ?? ''
    if (!taken.has(id)) {
      taken.add(id)
      setImmediate(work, event)
    }
    return reply.code(204).send()
  })
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
console.log('listening', app.server.address())
