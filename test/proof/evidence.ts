import { createHash } from 'node:crypto'
import type { Delivery, Simulator, Violation } from '@genqueue/simulator'
import OpenAI from 'openai'
import { Webhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { z } from 'zod'
import { WEBHOOK_SECRET } from '../house-env.ts'
import type { ClientLine } from './client.ts'
import { Ledger } from './ledger.ts'
import type { Vendor } from './points.ts'

/** Two processes of a run may die over the same task. */
const MOST_LOOKS_AGAIN = 2

/** One task that a vendor has made, with what it gave. */
export type UpstreamTask = {
  vendor: Vendor
  marker: string
  taskId: string
  status: string
  outputs: string[]
  /** Somebody knew its id. */
  isLookedAt: boolean
}

/** One call of the receiver: who it was about, what it said, and whether three libraries believe it. */
export type ReceiverLine = {
  webhookId: string
  jobId: string
  status: string
  bodyHash: string
  /** What is wrong with it; nothing where all three took its signature. */
  fault: string | undefined
  /** The receiver took it with a 2xx. */
  taken: boolean
}

type BucketObject = { key: string; sha256: string; bytes: number }

/** The four ledgers of a run, and what is left behind; none of it is told by the system under test but its answers. */
export type Evidence = {
  client: readonly ClientLine[]
  upstream: {
    tasks: readonly UpstreamTask[]
    /** Creates that came, by marker. Runware's may be repeated under their name, and make no second task. */
    requests: Readonly<Record<Vendor, Readonly<Record<string, number>>>>
    violations: readonly string[]
  }
  receiver: readonly ReceiverLine[]
  bucket: { objects: readonly BucketObject[]; openUploads: number }
}

/** Reads the vendors' own ledger: what was made for markers that begin like this. */
export function upstreamLedger({ runway, runware, violations }: Simulator, prefix: string): Evidence['upstream'] {
  const ours = ({ marker }: { marker: string | undefined }) => marker?.startsWith(prefix) === true
  const hashes = (count: number, hashOf: (index: number) => { sha256: string }) =>
    Array.from({ length: count }, (_, index) => hashOf(index).sha256)
  const videos = runway.tasks().filter(ours)
  const images = runware.tasks().filter(ours)
  const requests = (markers: Readonly<Record<string, { readonly requests: number }>>) =>
    Object.fromEntries(
      Object.entries(markers).flatMap(([marker, counted]) => (ours({ marker }) ? [[marker, counted.requests]] : [])),
    )
  return {
    tasks: [
      ...videos.map(({ taskId, marker = '', status, outputCount, polls }) => ({
        ...{ vendor: 'runway' as const, marker, taskId, status, isLookedAt: polls > 0 },
        outputs: hashes(outputCount, (index) => runway.expectedOutput(taskId, index)),
      })),
      ...images.map(({ taskUUID, marker = '', status, charges }) => ({
        ...{ vendor: 'runware' as const, marker, taskId: taskUUID, status, isLookedAt: false },
        outputs: hashes(charges, (index) => runware.expectedOutput(taskUUID, index)),
      })),
    ],
    requests: { runway: requests(runway.ledger().markers), runware: requests(runware.ledger().markers) },
    violations: unforgiven(violations()).map((each) => JSON.stringify(each)),
  }
}

/** Whoever was killed between seeing the end of a task and writing it down has somebody else see it again. */
function unforgiven(violations: readonly Violation[]): Violation[] {
  const again = new Map<string, number>()
  return violations.filter(({ kind, taskId = '' }) => {
    if (kind !== 'poll_after_terminal') return true
    again.set(taskId, (again.get(taskId) ?? 0) + 1)
    return (again.get(taskId) ?? 0) > MOST_LOOKS_AGAIN
  })
}

/**
 * The receiver's journal of one path, judged as it comes in: the libraries compare a timestamp with the clock of now, so
 * a long run reads every few seconds.
 */
export class ReceiverLedger {
  readonly #simulator: Simulator
  readonly #path: string
  readonly #ledger: Ledger<ReceiverLine>
  #read = 0

  constructor(simulator: Simulator, path: string, ledger = new Ledger<ReceiverLine>()) {
    this.#simulator = simulator
    this.#path = path
    this.#ledger = ledger
  }

  #isOurs(path: string): boolean {
    return path === this.#path || path.startsWith(`${this.#path}/`)
  }

  async read(): Promise<readonly ReceiverLine[]> {
    const all = this.#simulator.receiver.deliveries()
    const fresh = all.slice(this.#read)
    this.#read = all.length
    for (const each of fresh) {
      // What was cut off, or not read at all, is no delivery.
      if (this.#isOurs(each.path) && each.complete) this.#ledger.add(await receiverLine(each))
    }
    return this.#ledger.lines()
  }
}

/** Reads the bucket itself: every object below the prefix is hashed anew. */
export function bucketLedger({ store }: Simulator, prefix: string): Evidence['bucket'] {
  const objects = store.objects().filter(({ key }) => key.startsWith(prefix))
  return {
    objects: objects.map(({ key, body }) => ({ key, sha256: sha256(body), bytes: body.length })),
    openUploads: store.openUploads().filter(({ key }) => key.startsWith(prefix)).length,
  }
}

const Event = z.object({ data: z.object({ id: z.string(), status: z.string() }) })
const openai = new OpenAI({ apiKey: 'unused' })

async function receiverLine({ headers: sent, body, status }: Delivery): Promise<ReceiverLine> {
  const text = body.toString()
  const headers = Object.fromEntries(Object.entries(sent).map(([name, value]) => [name, String(value)]))
  const event = Event.safeParse(JSON.parse(text))
  return {
    webhookId: headers['webhook-id'] ?? '',
    jobId: event.data?.data.id ?? '',
    status: event.data?.data.status ?? '',
    bodyHash: sha256(body),
    fault: await whyNotBelieved(text, headers),
    taken: status !== undefined && status >= 200 && status < 300,
  }
}

async function whyNotBelieved(text: string, headers: Record<string, string>): Promise<string | undefined> {
  try {
    new Webhook(WEBHOOK_SECRET).verify(text, headers)
    new SvixWebhook(WEBHOOK_SECRET).verify(text, headers)
    await openai.webhooks.unwrap(text, headers, WEBHOOK_SECRET)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : 'not believed'
  }
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}
