import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { Webhook } from 'standardwebhooks'

/** The part of an event that this program reads; docs/api.md has the whole. */
type Event = { type: string; data: { id: string } }

const webhook = new Webhook(process.env.WEBHOOK_SECRET ?? '')
/** Ids of events that were handled; a unique column in your database. */
const handled = new Set<string>()

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
  if (!handled.has(id)) {
    console.log(`${event.type} ${event.data.id}`)
    handled.add(id)
  }
  return c.body(null, 204)
})

const port = Number(process.env.PORT ?? 3000)
serve({ fetch: app.fetch, hostname: '127.0.0.1', port }, (address) => console.log('listening', address))
