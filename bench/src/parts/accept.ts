import { z } from 'zod'
import { API_HEADERS, startApi } from '../api.ts'
import type { Child } from '../child.ts'
import type { Context } from '../context.ts'
import { cheapest, describeCost, type LoadCost, loadCost, type Requests } from '../http-load.ts'
import type { Row } from '../row.ts'
import { type Scope, scoped } from '../scope.ts'
import type { Appendfsync } from '../stand.ts'

const PROMPT = 'A slow aerial shot over a mountain lake at dawn, mist on the water, pines on the shore, soft light'
const JOB = {
  provider: 'runway',
  operation: 'text_to_video',
  input: { model: 'gen4.5', promptText: `${PROMPT} {n}`, ratio: '1280:720', duration: 5 },
  metadata: { customer: 'c_1029', campaign: 'spring' },
}
const VIDEO = {
  model: 'runway/gen4.5',
  prompt: `${PROMPT} {n}`,
  seconds: '5',
  size: '1280x720',
  metadata: JOB.metadata,
}

type Target = { name: string; appendfsync: Appendfsync; requests: Omit<Requests, 'port'> | 'bare' }

const post = (path: string, body: object, expect: number) =>
  ({
    method: 'POST',
    paths: [path],
    headers: API_HEADERS,
    body: JSON.stringify(body),
    idempotencyKey: `k{n}-${Date.now()}`,
    expect,
  }) as const

/** What it costs to accept a job durably, beside a bare `Queue.add` behind the same web framework. */
export async function accept({ isQuick, say }: Context): Promise<Row[]> {
  const jobs = post('/v1/jobs', JOB, 202)
  const targets: Target[] = [
    { name: 'bare Queue.add behind Hono', appendfsync: 'everysec', requests: 'bare' },
    { name: 'POST /v1/jobs', appendfsync: 'everysec', requests: jobs },
    { name: 'POST /v1/videos', appendfsync: 'everysec', requests: post('/v1/videos', VIDEO, 200) },
    { name: 'bare Queue.add behind Hono', appendfsync: 'always', requests: 'bare' },
    { name: 'POST /v1/jobs', appendfsync: 'always', requests: jobs },
  ]
  const rounds = new Map<Target, LoadCost[]>(targets.map((target) => [target, []]))
  for (let round = 1; round <= (isQuick ? 1 : 2); round += 1) {
    for (const target of targets) {
      // How Redis flushes changes little for the process: one round will do, or none.
      if (target.appendfsync === 'always' && (isQuick || round > 1)) continue
      say(`accept: ${target.name}, appendfsync ${target.appendfsync}, round ${round}`)
      rounds.get(target)?.push(await costOf(target, isQuick ? 2 : 3))
    }
  }
  const bareUs = (appendfsync: Appendfsync) =>
    targets
      .filter((target) => target.requests === 'bare' && target.appendfsync === appendfsync)
      .flatMap((target) => rounds.get(target) ?? [])
      .reduce((least, { nodeUs }) => Math.min(least, nodeUs), Number.POSITIVE_INFINITY)
  return [...rounds].flatMap(([target, costs]) =>
    costs.length === 0 ? [] : [rowOf(target, cheapest(costs), bareUs(target.appendfsync))],
  )
}

function costOf({ appendfsync, requests }: Target, seconds: number): Promise<LoadCost> {
  return scoped(async (scope) => {
    const stand = await scope.stand({ appendfsync })
    const load = scope.child({ script: 'bench/src/targets/http-load.ts', core: 'others' })
    const server = requests === 'bare' ? await startBare(scope, stand.url) : await startApi(scope, stand)
    const sent = requests === 'bare' ? post('/v1/jobs', JOB, 202) : requests
    return loadCost({ server: server.child, load, stand }, { ...sent, port: server.port }, { seconds })
  })
}

async function startBare(scope: Scope, url: string): Promise<{ child: Child; port: number }> {
  const child = scope.child({
    script: 'bench/src/targets/bare-queue.ts',
    core: 'measured',
    env: { REDIS_URL: url, NODE_ENV: 'production' },
  })
  return { child, port: z.number().parse(await child.ask('port')) }
}

function rowOf({ name, appendfsync, requests }: Target, cost: LoadCost, bareUs: number): Row {
  const { nodeUs, perSecond, p99Ms } = cost
  const ratio = nodeUs / bareUs
  const isBare = requests === 'bare'
  const hasRatio = !isBare && ratio > 0
  const hasGoal = !isBare && appendfsync === 'everysec'
  const measured = describeCost(cost)
  return {
    part: 'accept',
    what: `${name} (${appendfsync})`,
    ...(hasGoal && {
      goal: '≥ 15k/s, ≤ 50 µs Node, p99 ≤ 15 ms, ≤ 1.5x bare',
      ok: perSecond >= 15_000 && nodeUs <= 50 && p99Ms <= 15 && ratio <= 1.5,
    }),
    measured,
    ...(hasRatio && { ratio: `${ratio.toFixed(2)}x bare` }),
    values: { ...cost, ...(hasRatio && { ratioToBare: ratio }) },
  }
}
