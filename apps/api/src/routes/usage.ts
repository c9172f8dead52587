import { ProblemError, UsageGroup, UsageQuery, UsageReport, type UsageRow } from '@genqueue/contract'
import { readOpen, readUsage, type UsageLine } from '@genqueue/jobs'
import type { AppDeps } from '../app-deps.ts'
import { parseRequest } from '../invalid-request.ts'
import { json } from '../reply.ts'
import type { Route } from '../route.ts'

const DAY_MS = 86_400_000
/** Each day is read by itself. */
const MAX_DAYS = 93

/** What jobs have cost. An administrator sees every team, everybody else their own. */
export function usageRoutes({ redis, keys, now = Date.now }: AppDeps): Route[] {
  return [
    {
      method: 'GET',
      path: '/api/usage',
      tag: 'Admin',
      errors: 'problem',
      scope: 'jobs:read',
      summary: 'What jobs have cost, by team, key, provider, model and day',
      query: UsageQuery,
      answers: { 200: { description: 'Jobs that have ended, by the day they came in', schema: UsageReport } },
      async handle(c, caller) {
        const { from, to, days, groups } = readQuery(parseRequest(UsageQuery, c.req.query()), now())
        const team = caller.scopes.has('keys:admin') ? undefined : caller.team
        const report = new Report(groups)
        for (const day of days) {
          for (const line of await readUsage({ redis, keys }, day)) {
            if (team === undefined || line.team === team) report.add(line)
          }
        }
        const open = await readOpen({ redis, keys }, team, now())
        return json(200, {
          object: 'usage',
          from,
          to,
          data: report.rows(),
          totals: report.totals(),
          open: { jobs: open.jobs, held_credits: open.milliCredits / 1e3, held_usd: open.microUsd / 1e6 },
        } satisfies UsageReport)
      },
    },
  ]
}

function readQuery(query: UsageQuery, nowMs: number) {
  const to = query.to ?? new Date(nowMs).toISOString().slice(0, 10)
  const from = query.from ?? `${to.slice(0, 7)}-01`
  const first = Date.parse(from)
  const count = (Date.parse(to) - first) / DAY_MS + 1
  if (count < 1) throw new ProblemError('invalid_request', 'from must not be after to', { param: 'from' })
  if (count > MAX_DAYS) {
    throw new ProblemError('invalid_request', `from must be at most ${MAX_DAYS - 1} days before to`, { param: 'from' })
  }
  const days = Array.from({ length: count }, (_, index) => new Date(first + index * DAY_MS).toISOString().slice(0, 10))
  const named = query.group_by === undefined ? [] : query.group_by.split(',').map((name) => name.trim())
  const groups = named.map((name) => {
    const group = UsageGroup.safeParse(name)
    if (group.success) return group.data
    const message = `group_by must be any of ${UsageGroup.options.join(', ')} with commas between`
    throw new ProblemError('invalid_request', message, { param: 'group_by' })
  })
  return { from, to, days, groups: [...new Set(groups)] }
}

type Sums = Omit<UsageRow, UsageGroup>

const NOTHING: Sums = {
  jobs: 0,
  succeeded: 0,
  failed: 0,
  canceled: 0,
  credits: 0,
  usd: 0,
  unknown: 0,
  unknown_credits: 0,
  unknown_usd: 0,
}

/** Adds in whole millionths and thousandths, and shows the sums as the exact decimals they are. */
class Report {
  readonly #groups: readonly UsageGroup[]
  readonly #rows = new Map<string, { group: Partial<Record<UsageGroup, string>>; sums: Sums }>()
  readonly #totals = { ...NOTHING }

  constructor(groups: readonly UsageGroup[]) {
    this.#groups = groups
  }

  add(line: UsageLine): void {
    const values = this.#groups.map((group) => line[group])
    const name = values.join('\n')
    let row = this.#rows.get(name)
    if (!row) {
      const group = Object.fromEntries(this.#groups.map((each) => [each, line[each]]))
      row = { group, sums: { ...NOTHING } }
      this.#rows.set(name, row)
    }
    for (const sums of [row.sums, this.#totals]) {
      for (const sum of SUMS) sums[sum] += line[sum]
    }
  }

  rows(): UsageRow[] {
    const sorted = [...this.#rows].sort(([a], [b]) => (a < b ? -1 : 1))
    return sorted.map(([, { group, sums }]) => {
      const { key, model } = group
      return {
        ...group,
        ...(key !== undefined && { key: key || null }),
        ...(model !== undefined && { model: model || null }),
        ...shown(sums),
      }
    })
  }

  totals(): Sums {
    return shown(this.#totals)
  }
}

const SUMS = Object.keys(NOTHING) as (keyof Sums)[] // the keys of the constant above

function shown(sums: Sums): Sums {
  return {
    ...sums,
    credits: sums.credits / 1e3,
    usd: sums.usd / 1e6,
    unknown_credits: sums.unknown_credits / 1e3,
    unknown_usd: sums.unknown_usd / 1e6,
  }
}
