import { type Simulator, startSimulator } from '@genqueue/simulator'
import { Agent, request } from 'undici'
import { type Api, startApi } from '../api.ts'
import type { Context } from '../context.ts'
import { generateImage, IMAGE_MODEL } from '../image-calls.ts'
import { quantile, type Row } from '../row.ts'
import { scoped } from '../scope.ts'
import { simulatedBucket } from '../simulated-bucket.ts'
import { startWorker } from '../worker.ts'

const CONCURRENT = 200
const UPSTREAM_MS = 50

type Store = 'file' | 's3'
type Call = (n: number) => Promise<void>

/** Waiting image calls through the service beside the same calls sent to the vendor's simulator directly. */
export async function images(context: Context): Promise<Row[]> {
  return [...(await overhead('file', context)), ...(await overhead('s3', context))]
}

function overhead(store: Store, { isQuick, say }: Context): Promise<Row[]> {
  return scoped(async (scope) => {
    const simulator = await startSimulator({ journalLimit: 100, runware: { imageMs: UPSTREAM_MS } })
    scope.onEnd(() => simulator.close())
    const agent = new Agent({ connections: CONCURRENT })
    scope.onEnd(() => agent.close())
    const stand = await scope.stand()
    const bucket = store === 's3' ? simulatedBucket(simulator.store) : {}
    const api = await startApi(scope, stand, bucket)
    const env = {
      RUNWARE_API_KEY: simulator.runware.keys[0] ?? '',
      RUNWARE_BASE_URL: simulator.runware.url,
      WAIT_CONCURRENCY: String(CONCURRENT),
      ...bucket,
    }
    const worker = await startWorker(scope, stand, { vendorUrl: 'http://127.0.0.1:9', env })
    say(`images, ${store}://: warming up`)
    await timed(throughService(api, agent), CONCURRENT, isQuick ? 400 : 1_500)
    const rows: Row[] = []
    for (const concurrent of [1, 10, CONCURRENT]) {
      say(`images, ${store}://: ${concurrent} at a time`)
      const calls = Math.max(concurrent * (isQuick ? 2 : 5), isQuick ? 30 : 100)
      const direct = await timed(directly(simulator, agent), concurrent, calls)
      const cpuUs = async () => (await api.child.usage()).cpuUs + (await worker.usage()).cpuUs
      const beforeUs = await cpuUs()
      const ours = await timed(throughService(api, agent), concurrent, calls)
      rows.push(overheadRow({ store, concurrent, direct, ours, cpuMs: ((await cpuUs()) - beforeUs) / calls / 1_000 }))
    }
    return rows
  })
}

function directly(simulator: Simulator, dispatcher: Agent): Call {
  return async (n) => {
    const task = {
      taskType: 'imageInference',
      model: IMAGE_MODEL,
      positivePrompt: `direct ${n}`,
      width: 1024,
      height: 1024,
    }
    const answer = await request(simulator.runware.url, {
      dispatcher,
      method: 'POST',
      headers: { authorization: `Bearer ${simulator.runware.keys[0]}`, 'content-type': 'application/json' },
      body: JSON.stringify([{ ...task, taskUUID: crypto.randomUUID(), numberResults: 1 }]),
    })
    await expectOk(answer)
  }
}

function throughService(api: Api, dispatcher: Agent): Call {
  return async (n) => {
    const wanted = { prompt: `ours ${n}`, response_format: 'url' }
    await (await generateImage(api, dispatcher, wanted, crypto.randomUUID())).body.dump()
  }
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

type Overhead = { store: Store; concurrent: number; direct: number[]; ours: number[]; cpuMs: number }

function overheadRow({ store, concurrent, direct, ours, cpuMs }: Overhead): Row {
  const [p50 = 0, p99 = 0] = [0.5, 0.99].map((share) => quantile(ours, share) - quantile(direct, share))
  const directP50 = quantile(direct, 0.5)
  const hasGoal = concurrent === CONCURRENT
  return {
    part: 'images',
    what: `overhead over calling the vendor, ${store}://, ${concurrent} at a time`,
    ...(hasGoal && { goal: 'p50 ≤ 15, p99 ≤ 60 ms', ok: p50 <= 15 && p99 <= 60 }),
    measured: `p50 ${p50.toFixed(0)}, p99 ${p99.toFixed(0)} ms (vendor p50 ${directP50.toFixed(0)} ms), ${cpuMs.toFixed(1)} ms CPU a call`,
    ratio: `${(quantile(ours, 0.5) / directP50).toFixed(1)}x the vendor's time`,
    values: { concurrent, p50, p99, directP50, cpuMs },
  }
}
