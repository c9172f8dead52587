import { serve } from '@hono/node-server'
import { Hono } from 'hono'
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

const app = new Hono()
app.post('*', async (c) => {
  let event: Event
  try {
    // The signature is over the text as it came: `c.req.json()` would lose it.
    event = webhook.verify(await c.req.text(), c.req.header()) as Event // signed by genqueue
  } catch {
    return c.body(null, 400)
  }
  // An event may come more than once, always under the same id.
  const id = c.req.header('webhook-id') ?? ''
  if (!taken.has(id)) {
    taken.add(id)
    setImmediate(work, event)
  }
  return c.body(null, 204)
})

const port = Number(process.env.PORT ?? 3000)
serve({ fetch: app.fetch, hostname: '127.0.0.1', port }, (address) => console.log('listening', address))
