import { setTimeout as delay } from 'node:timers/promises'
import { type Simulator, startSimulator } from '@genqueue/simulator'
import { Agent, request } from 'undici'
import { API_HEADERS, type Api, startApi } from '../api.ts'
import type { Context } from '../context.ts'
import { quantile, type Row } from '../row.ts'
import { scoped } from '../scope.ts'
import { startWorker } from '../worker.ts'

const CONCURRENT = 200
const UPSTREAM_MS = 50
const LARGE_BYTES = 48 * 1024 * 1024
const GB = 1024 ** 3
const MODEL = 'runware:101@1'

type Call = (n: number) => Promise<void>

/** Waiting image calls through the service beside the same calls sent to the vendor's simulator directly. */
export function images({ isQuick, say }: Context): Promise<Row[]> {
  return scoped(async (scope) => {
    const simulator = await startSimulator({ journalLimit: 100, runware: { imageMs: UPSTREAM_MS } })
    scope.onEnd(() => simulator.close())
    const agent = new Agent({ connections: CONCURRENT })
    scope.onEnd(() => agent.close())
    const stand = await scope.stand()
    const api = await startApi(scope, stand)
    const env = {
      RUNWARE_API_KEY: simulator.runware.keys[0] ?? '',
      RUNWARE_BASE_URL: simulator.runware.url,
      WAIT_CONCURRENCY: String(CONCURRENT),
    }
    await startWorker(scope, stand, { vendorUrl: 'http://127.0.0.1:9', env })
    const rows: Row[] = []
    for (const concurrent of [1, 10, CONCURRENT]) {
      say(`images: ${concurrent} at a time`)
      const calls = Math.max(concurrent * (isQuick ? 2 : 5), isQuick ? 20 : 60)
      await timed(throughService(api, agent), concurrent, concurrent)
      const direct = await timed(directly(simulator, agent), concurrent, calls)
      const ours = await timed(throughService(api, agent), concurrent, calls)
      rows.push(overheadRow(concurrent, direct, ours))
    }
    say('images: base64 of one large image again and again')
    rows.push(await memoryRow(api, agent, simulator, isQuick ? GB / 8 : GB / 4))
    return rows
  })
}

function directly(simulator: Simulator, dispatcher: Agent): Call {
  return async (n) => {
    const task = { taskType: 'imageInference', model: MODEL, positivePrompt: `direct ${n}`, width: 1024, height: 1024 }
    const answer = await request(simulator.runware.url, {
      dispatcher,
      method: 'POST',
      headers: { authorization: `Bearer ${simulator.runware.keys[0]}`, 'content-type': 'application/json' },
      body: JSON.stringify([{ ...task, taskUUID: crypto.randomUUID(), numberResults: 1 }]),
    })
    await expectOk(answer)
  }
}

/** As a client should call: a 503 is asked again under the same idempotency key, and its time counts. */
function throughService(api: Api, dispatcher: Agent): Call {
  return async (n) => {
    const key = { 'idempotency-key': crypto.randomUUID() }
    for (let tries = 1; ; tries += 1) {
      const answer = await generate(api, dispatcher, { prompt: `ours ${n}`, response_format: 'url' }, key)
      if (answer.statusCode !== 503 || tries === 20) return expectOk(answer)
      await answer.body.dump()
      await delay(50)
    }
  }
}

function generate(api: Api, dispatcher: Agent, body: object, headers: Record<string, string> = {}) {
  return request(`${api.url}/v1/images/generations`, {
    dispatcher,
    method: 'POST',
    headers: { ...API_HEADERS, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: `runware/${MODEL}`, ...body }),
    headersTimeout: 120_000,
    bodyTimeout: 120_000,
  })
}

async function expectOk({ statusCode, body }: Awaited<ReturnType<typeof request>>): Promise<void> {
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`an image call was answered ${statusCode}: ${text.slice(0, 300)}`)
}

/** How long each of the calls took, so many at a time. */
async function timed(call: Call, concurrent: number, calls: number): Promise<number[]> {
  const tookMs: number[] = []
  let next = 0
  const lane = async () => {
    while (next < calls) {
      const n = next
      next += 1
      const startedMs = performance.now()
      await call(n)
      tookMs.push(performance.now() - startedMs)
    }
  }
  await Promise.all(Array.from({ length: concurrent }, lane))
  return tookMs
}

function overheadRow(concurrent: number, direct: number[], ours: number[]): Row {
  const [p50, p99] = [0.5, 0.99].map((share) => quantile(ours, share) - quantile(direct, share))
  const hasGoal = concurrent === CONCURRENT
  return {
    part: 'images',
    what: `overhead over calling the vendor, ${concurrent} at a time`,
    ...(hasGoal && { goal: 'p50 ≤ 15, p99 ≤ 60 ms', ok: (p50 ?? 0) <= 15 && (p99 ?? 0) <= 60 }),
    measured: `p50 ${p50?.toFixed(0)}, p99 ${p99?.toFixed(0)} ms (vendor p50 ${quantile(direct, 0.5).toFixed(0)} ms)`,
    ratio: `${(quantile(ours, 0.5) / quantile(direct, 0.5)).toFixed(1)}x the vendor's time`,
    values: { concurrent, p50: p50 ?? 0, p99: p99 ?? 0, directP50: quantile(direct, 0.5) },
  }
}

/** The API's memory while base64 of one stored image goes out until there are so many bytes. */
async function memoryRow(api: Api, agent: Agent, simulator: Simulator, wantedBytes: number): Promise<Row> {
  simulator.runware.fault('dl.ok', { bytes: LARGE_BYTES }, { promptIncludes: 'large' })
  const again = () =>
    generate(api, agent, { prompt: 'large', response_format: 'b64_json' }, { 'idempotency-key': 'bench-large' })
  let bytes = 0
  let peak = 0
  const rss = async () => (await api.child.usage()).rssBytes / (1024 * 1024)
  const before = await rss()
  while (bytes < wantedBytes) {
    const { statusCode, body } = await again()
    if (statusCode !== 200) throw new Error(`base64 was answered ${statusCode}: ${(await body.text()).slice(0, 300)}`)
    for await (const chunk of body) bytes += (chunk as Buffer).length // undici gives bytes
    peak = Math.max(peak, await rss())
    await delay(0)
  }
  return {
    part: 'images',
    what: `API's memory while ${(bytes / GB).toFixed(1)} GB of b64_json goes out`,
    goal: 'flat',
    measured: `RSS ${before.toFixed(0)} → ${peak.toFixed(0)} MB at most`,
    values: { bytes, before, peak },
  }
}
