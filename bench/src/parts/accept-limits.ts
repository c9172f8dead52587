import { z } from 'zod'
import { API_HEADERS, type Api, startApi } from '../api.ts'
import type { Context } from '../context.ts'
import { cheapest, describeCost, type LoadCost, loadCost } from '../http-load.ts'
import type { Row } from '../row.ts'
import { scoped } from '../scope.ts'

/** All that there are, too high to be reached. */
const LIMITS = {
  requests_per_second: 100_000,
  jobs_in_flight: 1_000_000,
  jobs_per_day: 1_000_000,
  usd_per_day: 10_000_000,
  usd_per_month: 10_000_000,
  credits_per_day: 1_000_000_000,
  credits_per_month: 1_000_000_000,
}
const JOB = {
  provider: 'runway',
  operation: 'text_to_video',
  input: { model: 'gen4.5', promptText: 'A mountain lake at dawn {n}', ratio: '1280:720', duration: 5 },
  metadata: { customer: 'c_1029', campaign: 'spring' },
}

/** `key`: one that was made by a request; without it the environment's, which has no limits. */
type Target = { name: string; team?: object; key?: object }
const TARGETS: Target[] = [
  { name: 'key of the environment, no limits' },
  { name: 'made key, no limits', key: {} },
  { name: 'made key, every limit of the team', key: {}, team: LIMITS },
  { name: 'made key, every limit of team and key', key: LIMITS, team: LIMITS },
]
const GOAL_RATIO = 1.25

/** What limits add to an accepted job, in CPU of the API and Redis. */
export async function acceptCost({ isQuick, say }: Context): Promise<Row[]> {
  const rounds = new Map<Target, LoadCost[]>(TARGETS.map((target) => [target, []]))
  for (let round = 1; round <= (isQuick ? 1 : 3); round += 1) {
    for (const target of TARGETS) {
      say(`fairness: POST /v1/jobs, ${target.name}, round ${round}`)
      rounds.get(target)?.push(await costOf(target, isQuick ? 2 : 3))
    }
  }
  const costs = [...rounds].map(([target, each]) => ({ target, cost: cheapest(each) }))
  const base = costs[0]?.cost
  return costs.map(({ target, cost }, index) => {
    const ratio = (cost.nodeUs + cost.redisUs) / ((base?.nodeUs ?? 0) + (base?.redisUs ?? 0))
    return {
      part: 'fairness',
      what: `POST /v1/jobs, ${target.name}`,
      measured: describeCost(cost),
      values: { ...cost },
      ...(index > 0 && { goal: `≤ ${GOAL_RATIO}x`, ratio: `${ratio.toFixed(2)}x`, ok: ratio <= GOAL_RATIO }),
    }
  })
}

function costOf({ team, key }: Target, seconds: number): Promise<LoadCost> {
  return scoped(async (scope) => {
    const stand = await scope.stand()
    const load = scope.child({ script: 'bench/src/targets/http-load.ts', core: 'others' })
    const api = await startApi(scope, stand)
    if (team !== undefined) await admin(api, 'PATCH', '/api/teams/default', { limits: team })
    const made = key && (await admin(api, 'POST', '/api/keys', { name: 'bench', limits: key }))
    const requests = {
      method: 'POST',
      paths: ['/v1/jobs'],
      headers: made === undefined ? API_HEADERS : { authorization: `Bearer ${MadeKey.parse(made).key}` },
      body: JSON.stringify(JOB),
      idempotencyKey: `k{n}-${Date.now()}`,
      expect: 202,
    } as const
    return loadCost({ server: api.child, load, stand }, { ...requests, port: api.port }, { seconds })
  })
}

const MadeKey = z.object({ key: z.string() })

async function admin({ url }: Api, method: string, path: string, body: object): Promise<unknown> {
  const headers = { ...API_HEADERS, 'content-type': 'application/json' }
  const response = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) })
  const answer: unknown = await response.json()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`)
  return answer
}
