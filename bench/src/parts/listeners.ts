import { setTimeout as delay } from 'node:timers/promises'
import { createKeys } from '@genqueue/jobs'
import { z } from 'zod'
import { API_HEADERS, startApi } from '../api.ts'
import type { Child } from '../child.ts'
import type { Context } from '../context.ts'
import { fillInFlight } from '../fill-in-flight.ts'
import type { Row } from '../row.ts'
import { scoped } from '../scope.ts'
import { measure, type Stand } from '../stand.ts'

const LISTENERS = 10_000
const MB = 1024 * 1024
const WITHIN_MS = 30_000
const LISTEN_SECONDS = 15

const Told = z.object({ events: z.number(), closed: z.number() })

/** Requests that follow a job each, all in one API process. Both ends need a limit of 10,100 open files. */
export async function listeners({ isQuick, say }: Context): Promise<Row[]> {
  const small = await withOptions('--max-semi-space-size=4', say)
  return isQuick ? small : [...small, ...(await withOptions('', say))]
}

function withOptions(nodeOptions: string, say: Context['say']): Promise<Row[]> {
  return scoped(async (scope) => {
    const stand = await scope.stand()
    const filled = await fillInFlight(stand, { count: LISTENERS, ageMs: 0, spreadMs: 60_000 })
    const clients = scope.child({ script: 'bench/src/targets/listeners.ts', core: 'others' })
    const { child, port } = await startApi(scope, stand, { NODE_OPTIONS: nodeOptions })
    const rssMb = async () => (await child.usage()).rssBytes / MB
    const before = await rssMb()
    say(`listeners: ${LISTENERS} open a stream, each of its own job`)
    const paths = filled.map(({ jobId }) => `/v1/jobs/${jobId}/events`)
    const opened = await measure(child, stand, () => clients.ask('open', { port, paths, headers: API_HEADERS }))
    const open = await rssMb()
    say(`listeners: nothing changes for ${LISTEN_SECONDS} s`)
    const still = await measure(child, stand, () => delay(LISTEN_SECONDS * 1000))
    say('listeners: every job makes progress')
    const wave = await measure(child, stand, () => progress(stand, clients, filled))
    const after = await rssMb()
    const { closed } = Told.parse(await clients.ask('told'))
    if (closed > 0) throw new Error(`${closed} streams were closed`)
    await clients.ask('leave')
    const share = (us: number) => us / 1e6 / still.seconds
    const peak = Math.max(open, after)
    const percent = (us: number) => `${(share(us) * 100).toFixed(1)} %`
    return [
      {
        part: 'listeners',
        what: `${LISTENERS} follow a job each: memory${nodeOptions && `, ${nodeOptions}`}`,
        goal: 'RSS ≤ 300 MB',
        measured: `RSS ${before.toFixed(0)} → ${open.toFixed(0)} MB, ${after.toFixed(0)} MB after an event each`,
        ok: peak <= 300,
        values: { beforeMb: before, openMb: open, afterMb: after },
      },
      {
        part: 'listeners',
        what: 'nothing changes: sweep and heartbeats',
        measured: `${percent(still.nodeUs)} + ${percent(still.redisUs)} of a core`,
        values: { nodeShare: share(still.nodeUs), redisShare: share(still.redisUs) },
      },
      {
        part: 'listeners',
        what: 'to open a stream; an event each',
        measured: `${each(opened.nodeUs)} + ${each(opened.redisUs)} µs; ${each(wave.nodeUs)} + ${each(wave.redisUs)} µs, all told in ${wave.seconds.toFixed(1)} s`,
        values: { openUs: opened.nodeUs / LISTENERS, eventUs: wave.nodeUs / LISTENERS, waveSeconds: wave.seconds },
      },
    ]
  })
}

function each(us: number): string {
  return (us / LISTENERS).toFixed(0)
}

/** Writes to every record what a look at the vendor would, and waits until each listener has been told. */
async function progress({ redis }: Stand, clients: Child, jobs: readonly { jobId: string }[]): Promise<void> {
  const keys = createKeys()
  const pipeline = redis.pipeline()
  for (const { jobId } of jobs) pipeline.hset(keys.job(jobId), 'looks', `1,0,0,0.5,${Date.now()},RUNNING`)
  await pipeline.exec()
  const deadlineMs = performance.now() + WITHIN_MS
  while (Told.parse(await clients.ask('told')).events < 2 * LISTENERS) {
    if (performance.now() > deadlineMs) throw new Error('not every listener was told')
    await delay(50)
  }
}
