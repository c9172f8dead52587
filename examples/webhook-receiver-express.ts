import express from 'express'
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

const app = express()
// The signature is over the bytes as they came. `app.use(express.json())` in front of this would parse and lose them.
app.post('/hook', express.raw({ type: 'application/json', limit: '64kb' }), (request, response) => {
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  let event: Event
  try {
    event = webhook.verify(request.body, headers) as Event // signed by genqueue
  } catch {
    response.sendStatus(400)
    return
  }
  // An event may come more than once, always under the same id.
  const id = headers['webhook-id'] ?? ''
  if (!taken.has(id)) {
    taken.add(id)
    setImmediate(work, event)
  }
  response.sendStatus(204)
})
app.use(express.json()) // for all other routes

const port = Number(process.env.PORT ?? 3000)
const server = app.listen(port, '127.0.0.1', () => console.log('listening', server.address()))
