import { API_HEADERS, startApi } from '../api.ts'
import type { Context } from '../context.ts'
import { fillInFlight } from '../fill-in-flight.ts'
import { cheapest, describeCost, type LoadCost, loadCost } from '../http-load.ts'
import type { Row } from '../row.ts'
import { scoped } from '../scope.ts'

const JOBS = 1_000

/** What it costs to look at a job that is on its way. */
export async function get({ isQuick, say }: Context): Promise<Row[]> {
  const rows: Row[] = []
  for (const door of isQuick ? ['jobs'] : ['videos', 'jobs']) {
    const rounds: LoadCost[] = []
    for (let round = 1; round <= (isQuick ? 1 : 2); round += 1) {
      say(`get: GET /v1/${door}/{id}, round ${round}`)
      rounds.push(await costOf(door, isQuick ? 2 : 3))
    }
    const cost = cheapest(rounds)
    rows.push({
      part: 'get',
      what: `GET /v1/${door}/{id}`,
      goal: '≥ 35k/s, ≤ 28 µs Node',
      measured: describeCost(cost),
      ok: cost.perSecond >= 35_000 && cost.nodeUs <= 28,
      values: { ...cost },
    })
  }
  return rows
}

function costOf(door: string, seconds: number): Promise<LoadCost> {
  return scoped(async (scope) => {
    const stand = await scope.stand()
    const filled = await fillInFlight(stand, { count: JOBS, ageMs: 0, spreadMs: 60_000 })
    const load = scope.child({ script: 'bench/src/targets/http-load.ts', core: 'others' })
    const { child, port } = await startApi(scope, stand)
    const paths = filled.map(({ jobId }) => `/v1/${door}/${jobId}`)
    const requests = { port, method: 'GET', paths, headers: API_HEADERS, expect: 200 } as const
    return loadCost({ server: child, load, stand }, requests, { seconds })
  })
}
