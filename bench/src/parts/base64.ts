import { setTimeout as delay } from 'node:timers/promises'
import { startSimulator } from '@genqueue/simulator'
import { Agent } from 'undici'
import { type Api, startApi } from '../api.ts'
import type { Context } from '../context.ts'
import { generateImage } from '../image-calls.ts'
import type { Row } from '../row.ts'
import { scoped } from '../scope.ts'
import { simulatedBucket } from '../simulated-bucket.ts'
import { startWorker } from '../worker.ts'

const MB = 1024 ** 2
const GB = 1024 ** 3
const IMAGE_BYTES = 48 * MB

/** The API's memory and CPU while base64 of one stored image goes out again and again. */
export function base64({ isQuick, say }: Context): Promise<Row[]> {
  return scoped(async (scope) => {
    const simulator = await startSimulator({ journalLimit: 100, runware: { minOutputBytes: IMAGE_BYTES } })
    scope.onEnd(() => simulator.close())
    const agent = new Agent()
    scope.onEnd(() => agent.close())
    const rows: Row[] = []
    for (const store of ['file', 's3'] as const) {
      const stand = await scope.stand()
      const env = store === 's3' ? simulatedBucket(simulator.store) : {}
      const api = await startApi(scope, stand, env)
      const vendor = { RUNWARE_API_KEY: simulator.runware.keys[0] ?? '', RUNWARE_BASE_URL: simulator.runware.url }
      const worker = await startWorker(scope, stand, { vendorUrl: 'http://127.0.0.1:9', env: { ...vendor, ...env } })
      say(`base64: ${store}://`)
      const bytes = await answer(api, agent)
      if (bytes < IMAGE_BYTES) throw new Error(`the image has only ${bytes} bytes`)
      await worker.end()
      rows.push(await memoryRow(api, agent, store, isQuick ? GB / 4 : GB))
      await api.child.end()
    }
    return rows
  })
}

/** One whole answer; the first makes the image, the others repeat it by its idempotency key. */
async function answer(api: Api, agent: Agent): Promise<number> {
  const wanted = { prompt: 'large', response_format: 'b64_json' }
  const { body } = await generateImage(api, agent, wanted, 'bench-large')
  let bytes = 0
  for await (const chunk of body) bytes += (chunk as Buffer).length // undici gives bytes
  return bytes
}

async function memoryRow(api: Api, agent: Agent, store: 'file' | 's3', wantedBytes: number): Promise<Row> {
  const before = await api.child.usage()
  let peakBytes = before.rssBytes
  let isDone = false
  const watch = async () => {
    while (!isDone) {
      peakBytes = Math.max(peakBytes, (await api.child.usage()).rssBytes)
      await delay(50)
    }
  }
  const watching = watch().catch(() => undefined)
  const startedMs = performance.now()
  let bytes = 0
  while (bytes < wantedBytes) bytes += await answer(api, agent)
  const seconds = (performance.now() - startedMs) / 1000
  isDone = true
  await watching
  const after = await api.child.usage()
  const [beforeMb, peakMb, afterMb] = [before.rssBytes, peakBytes, after.rssBytes].map((rss) => Math.round(rss / MB))
  const mbPerSecond = bytes / MB / seconds
  const cpuMsPerMb = (after.cpuUs - before.cpuUs) / 1000 / (bytes / MB)
  return {
    part: 'base64',
    what: `API's memory while ${(bytes / GB).toFixed(2)} GB of b64_json goes out, ${store}://`,
    goal: 'gains less than one image',
    ok: peakBytes - before.rssBytes < IMAGE_BYTES,
    measured: `RSS ${beforeMb} → at most ${peakMb} → ${afterMb} MB, ${mbPerSecond.toFixed(0)} MB/s, ${cpuMsPerMb.toFixed(2)} ms CPU a MB`,
    values: { bytes, seconds, beforeMb: beforeMb ?? 0, peakMb: peakMb ?? 0, afterMb: afterMb ?? 0, cpuMsPerMb },
  }
}
