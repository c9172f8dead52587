import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { isTerminal, type JobResource, verifyWebhook, WebhookEvent } from '@genqueue/contract'
import type { DockerTraffic } from './docker-traffic.ts'

/** The simulator's control port, and what its receiver verifies with. */
type Books = { controlUrl: string; webhookSecret: string }

/** The line that is printed, and everything that is wrong. */
type Verdict = { line: string; faults: string[] }

/** Waits for every end and its webhook, and holds them against the simulator's own books. */
export async function verdictOn(traffic: DockerTraffic, books: Books, withinMs: number): Promise<Verdict> {
  const deadlineMs = Date.now() + withinMs
  const ends = await Promise.all(traffic.ids.map((id) => endOf(traffic, id, deadlineMs)))
  const jobs = ends.filter((job) => job !== undefined)
  let calls = await webhooks(traffic.path, books)
  const untold = () => jobs.filter(({ id }) => !calls.has(id))
  while (untold().length > 0 && Date.now() < deadlineMs) {
    await delay(500)
    calls = await webhooks(traffic.path, books)
  }
  const count = (isIt: (job: JobResource) => boolean) => jobs.filter(isIt).length
  const isUnknown = ({ error }: JobResource) => error?.code === 'submission_unknown'
  const failed = jobs.filter((job) => job.status !== 'succeeded' && !isUnknown(job))
  const paidTwice = await madeTwice(books)
  const lost = traffic.ids.length - jobs.length
  return {
    line:
      `${traffic.ids.length} accepted, ${count(({ status }) => status === 'succeeded')} succeeded, ` +
      `${count(isUnknown)} unknown at the vendor, ${failed.length} failed, ${lost} lost, ${paidTwice.length} paid twice, ` +
      `${[...calls.values()].flat().length} webhooks, all verified`,
    faults: [
      ...(lost > 0 ? [`${lost} lost`] : []),
      ...paidTwice,
      ...failed.map(({ id, status, error }) => `${id} is ${status}: ${error?.code}`),
      ...untold().map(({ id }) => `${id} has ended and nobody was told`),
      ...[...calls].flatMap(([id, each]) => (new Set(each).size > 1 ? [`${id} was told in two ways`] : [])),
      ...(await Promise.all(jobs.map((job) => badOutputs(traffic, job)))).flat(),
    ],
  }
}

async function endOf(traffic: DockerTraffic, id: string, deadlineMs: number): Promise<JobResource | undefined> {
  for (;;) {
    const job = await traffic.get(id)
    if (isTerminal(job.status)) return job
    if (Date.now() > deadlineMs) return undefined
    await delay(1_000)
  }
}

/** By job what its webhooks said, id and bytes; every one of them is verified. */
async function webhooks(path: string, { controlUrl, webhookSecret }: Books): Promise<Map<string, string[]>> {
  // The control port's own shape; anything else fails in what follows.
  const calls = (await readJson(`${controlUrl}/deliveries?path=${path}`)) as Delivery[]
  const byJob = new Map<string, string[]>()
  for (const { headers: sent, body, receivedAtMs } of calls) {
    const headers = new Headers(sent)
    verifyWebhook({ headers, body, secret: webhookSecret, nowMs: receivedAtMs })
    const { id } = WebhookEvent.parse(JSON.parse(body)).data
    byJob.set(id, [...(byJob.get(id) ?? []), `${headers.get('webhook-id')} ${body}`])
  }
  return byJob
}
type Delivery = { headers: Record<string, string>; body: string; receivedAtMs: number }

async function madeTwice({ controlUrl }: Books): Promise<string[]> {
  const made = await Promise.all(
    ['ledger', 'ledger?provider=runware'].map(async (path) => {
      // As above.
      const { markers } = (await readJson(`${controlUrl}/${path}`)) as { markers: Record<string, { tasks: number }> }
      return Object.entries(markers)
    }),
  )
  return made.flat().flatMap(([marker, { tasks }]) => (tasks > 1 ? [`${marker} was made ${tasks} times`] : []))
}

/** Outputs that cannot be fetched with the hash that the job tells; a success without any. */
async function badOutputs(traffic: DockerTraffic, { id, status, outputs }: JobResource): Promise<string[]> {
  const found = await Promise.all(
    outputs.map(async ({ index, sha256 }) => {
      const content = await traffic.ask(`/v1/jobs/${id}/outputs/${index}`)
      const hash = createHash('sha256').update(await content.bytes())
      return hash.digest('hex') === sha256 ? [] : [`output ${index} of ${id} is not what the job says`]
    }),
  )
  return status === 'succeeded' && outputs.length === 0 ? [`${id} has no output`] : found.flat()
}

async function readJson(url: string): Promise<unknown> {
  return (await fetch(url)).json()
}
