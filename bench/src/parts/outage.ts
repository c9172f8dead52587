import { setTimeout as delay } from 'node:timers/promises'
import { API_HEADERS, startApi } from '../api.ts'
import type { Context } from '../context.ts'
import { fillInFlight } from '../fill-in-flight.ts'
import { quantile, type Row } from '../row.ts'
import { scoped } from '../scope.ts'
import { startVendor, type Vendor } from '../vendor.ts'
import { startWorker } from '../worker.ts'

const RUNNING = 2_000
const CALL_EVERY_MS = 25
/** Every call a job of its own: the vendor stub makes the prompt the task's id. */
const bodyOf = (n: number) =>
  JSON.stringify({
    provider: 'runway',
    operation: 'text_to_image',
    input: { model: 'gen4_image', promptText: `outage-${n}`, ratio: '1280:720' },
  })
const BACK_WITHIN_MS = 10_000

type Call = { status: number; startedMs: number; tookMs: number }

/** Redis is killed and comes back: what callers see meanwhile, and when work goes on. */
export function outage({ isQuick, say }: Context): Promise<Row[]> {
  const awaySeconds = isQuick ? 3 : 8
  return scoped(async (scope) => {
    const stand = await scope.stand()
    const vendor = await startVendor(scope)
    await fillInFlight(stand, { count: RUNNING, ageMs: 0, spreadMs: 5_000 })
    await startWorker(scope, stand, { vendorUrl: vendor.url })
    const { url } = await startApi(scope, stand)
    const calls: Call[] = []
    let sent = 0
    const timer = setInterval(() => {
      sent += 1
      void call(url, bodyOf(sent)).then((done) => calls.push(done))
    }, CALL_EVERY_MS)
    scope.onEnd(async () => clearInterval(timer))
    await delay(2_000)

    say(`outage: Redis away for ${awaySeconds} s`)
    const killedMs = performance.now()
    await stand.kill()
    await delay(awaySeconds * 1000)
    const { polls, creates } = await vendor.counts()
    await stand.restart()
    const backAtMs = Date.now()
    const backMs = performance.now()
    const [polledAtMs, createdAtMs] = await Promise.all([
      firstAfter(vendor, (counts) => counts.polls > polls && counts.lastPollAtMs),
      firstAfter(vendor, (counts) => counts.creates > creates && counts.lastCreateAtMs),
    ])
    const findAccepted = () => calls.find(({ startedMs, status }) => startedMs > killedMs && status === 202)
    while (findAccepted() === undefined && performance.now() < backMs + BACK_WITHIN_MS) await delay(5)
    const during = calls.filter(({ startedMs, tookMs }) => startedMs > killedMs && startedMs + tookMs < backMs)
    const wrong = during.filter(({ status }) => status !== 503).length
    const accepted = findAccepted()
    const tookMs = during.map((each) => each.tookMs)
    const values = {
      awaySeconds,
      calls: during.length,
      wrong,
      maxMs: Math.max(...tookMs),
      p50Ms: quantile(tookMs, 0.5),
      pollsAfterMs: polledAtMs - backAtMs,
      createsAfterMs: createdAtMs - backAtMs,
      acceptsAfterMs: accepted === undefined ? Number.POSITIVE_INFINITY : accepted.startedMs + accepted.tookMs - backMs,
    }
    const { p50Ms, maxMs, pollsAfterMs, createsAfterMs, acceptsAfterMs } = values
    const refused = `${during.length} calls, p50 ${p50Ms.toFixed(1)} max ${maxMs.toFixed(0)} ms, ${wrong} not 503`
    const [polled, created, taken] = [pollsAfterMs, createsAfterMs, acceptsAfterMs].map((ms) => ms.toFixed(0))
    return [
      {
        part: 'outage',
        what: `POST /v1/jobs while Redis is away ${awaySeconds} s`,
        goal: '503 within 250 ms',
        measured: refused,
        ok: maxMs < 250 && wrong === 0,
        values,
      },
      {
        part: 'outage',
        what: 'after Redis answers again',
        goal: 'work resumes < 500 ms',
        measured: `first poll after ${polled} ms, API accepts after ${taken} ms, first create after ${created} ms`,
        ok: pollsAfterMs < 500 && createsAfterMs < 500 && acceptsAfterMs < 500,
        values,
      },
    ]
  })
}

async function call(url: string, body: string): Promise<Call> {
  const startedMs = performance.now()
  const headers = { ...API_HEADERS, 'content-type': 'application/json' }
  const status = await fetch(`${url}/v1/jobs`, { method: 'POST', headers, body }).then(
    async (response) => {
      await response.arrayBuffer()
      return response.status
    },
    () => 0,
  )
  return { status, startedMs, tookMs: performance.now() - startedMs }
}

type CountsOf = Awaited<ReturnType<Vendor['counts']>>

/** The moment of the first request after the outage; looked for every few milliseconds. */
async function firstAfter(vendor: Vendor, momentOf: (counts: CountsOf) => number | false): Promise<number> {
  const deadlineMs = performance.now() + BACK_WITHIN_MS
  for (;;) {
    const atMs = momentOf(await vendor.counts())
    if (atMs !== false) return atMs
    if (performance.now() > deadlineMs) return Number.POSITIVE_INFINITY
    await delay(5)
  }
}
