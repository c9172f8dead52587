// A route handler of Next.js: in your project this is `app/webhooks/genqueue/route.ts`.
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

export async function POST(request: Request): Promise<Response> {
  let event: Event
  try {
    // The signature is over the text as it came: `request.json()` would lose it.
    event = webhook.verify(await request.text(), Object.fromEntries(request.headers)) as Event // signed by genqueue
  } catch {
    return new Response(null, { status: 400 })
  }
  // An event may come more than once, always under the same id.
  const id = request.headers.get('webhook-id') ?? ''
  if (!taken.has(id)) {
    taken.add(id)
    // Where functions are frozen after their answer: `after(() => work(event))` of `next/server`.
    setImmediate(work, event)
  }
  return new Response(null, { status: 204 })
}
