import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
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

async function receive(request: IncomingMessage): Promise<number> {
  // The signature is over the bytes as they came, not over JSON that was parsed and printed again.
  const body = await text(request)
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  let event: Event
  try {
    event = webhook.verify(body, headers) as Event // signed by genqueue
  } catch {
    return 400
  }
  // An event may come more than once, always under the same id.
  const id = headers['webhook-id'] ?? ''
  if (!taken.has(id)) {
    taken.add(id)
    setImmediate(work, event)
  }
  return 204
}

const server = createServer((request, response) => {
  receive(request).then(
    (status) => response.writeHead(status).end(),
    () => response.destroy(),
  )
})
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => console.log('listening', server.address()))
