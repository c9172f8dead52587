import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { JOB, type OpenApi, OTHER_KEY, openApi, VIDEO } from '../api-fixture.ts'

const PRICES = { credit_usd: 0.02, models: { 'runware/runware:101@1': { per_result: 0.0038 } } }
const IMAGE = { model: 'runware/runware:101@1', prompt: 'a lake', n: 2, size: '512x512' }
const DOORS: [path: string, body: object, shape: 'openai' | 'problem'][] = [
  ['/v1/videos', VIDEO, 'openai'],
  ['/v1/images/generations', IMAGE, 'openai'],
  ['/v1/jobs', JOB, 'problem'],
]

let house: OpenApi
beforeAll(async () => {
  house = await openApi({ PRICES: JSON.stringify(PRICES) })
})
afterAll(() => house.close())

const today = () => new Date().toISOString().slice(0, 10)
const headers = () => ({ prefer: 'respond-async', 'idempotency-key': randomUUID() })
const send = (path: string, body: object, key: string) => house.post(path, body, { key, headers: headers() })

/** A team of its own with these limits, and a key of it. */
async function teamWith(
  limits: object,
  limitsOfKey: object = {},
): Promise<{ team: string; key: string; keyId: string }> {
  const team = `t${randomUUID().slice(0, 8)}`
  expect((await house.post('/api/teams', { id: team, limits })).status).toBe(201)
  const made = await house.post('/api/keys', {
    team,
    name: 'one',
    scopes: ['jobs:create', 'jobs:read', 'jobs:cancel'],
    limits: limitsOfKey,
  })
  const { key, id } = (await made.json()) as { key: string; id: string } // sent, or the next line fails
  expect(made.status).toBe(201)
  return { team, key, keyId: id }
}

/** The one error of either shape. */
async function errorOf(response: Response) {
  const body = (await response.json()) as { error?: { message: string }; detail?: string } // compared
  const { error = body } = body
  return {
    ...error,
    words: 'message' in error ? error.message : body.detail,
    hint: response.headers.get('x-should-retry'),
    after: Number(response.headers.get('retry-after')),
  }
}

test.each(DOORS)(
  '%s tells a job too many from a day and a budget that are over, and when to come back',
  async (path, body) => {
    const full = await teamWith({ jobs_in_flight: 1 })
    expect((await send(path, body, full.key)).status).toBeLessThan(300)
    const refused = await send(path, body, full.key)
    expect(refused.status).toBe(429)
    expect(await errorOf(refused)).toMatchObject({ code: 'too_many_jobs', param: null, hint: null, after: 5 })

    const { key } = await teamWith({}, { jobs_per_day: 1 })
    await send(path, body, key)
    const daily = await errorOf(await send(path, body, key))
    expect(daily).toMatchObject({ code: 'daily_limit_reached', param: null, hint: 'false' })
    expect(daily.words).toBe(
      'This API key has reached its limit of jobs a day, which is 1 (jobs_per_day); a new day begins at midnight UTC',
    )
    expect(daily.after).toBeLessThanOrEqual(86_400)

    const broke = await teamWith({ usd_per_month: 0.001 })
    const budget = await errorOf(await send(path, body, broke.key))
    expect(budget).toMatchObject({
      code: 'budget_exceeded',
      hint: 'false',
      words: expect.stringContaining('USD a month, which is 0.001 (usd_per_month)'),
    })
    expect(budget.after).toBeGreaterThan(0)
  },
)

test('a job shows what it may cost, in the vendor’s unit and in dollars, and in the end what it did cost', async () => {
  const { key } = await teamWith({})
  const queued = await (await send('/v1/jobs', JOB, key)).json()
  expect(queued).toMatchObject({ cost: { amount: 60, unit: 'credits', usd: 1.2, final: false } })
  const { id } = queued as { id: string } // matched above
  await house.succeed(id, [{ content: Buffer.from('x'), contentType: 'video/mp4', extension: 'mp4' }])
  const ended = await (await house.fetch(`/v1/jobs/${id}`, { key })).json()
  expect(ended).toMatchObject({ cost: { amount: 25, unit: 'credits', usd: 0.5, final: true } })
})

test('the report adds up by team, key, provider, model and day; others see only their own team', async () => {
  const { team, key, keyId } = await teamWith({})
  const ids: string[] = []
  for (const [path, body] of DOORS) {
    const made = (await (await send(path, body, key)).json()) as { id: string } // accepted
    ids.push(made.id)
  }
  const [video = '', image = ''] = ids
  await house.succeed(video, [{ content: Buffer.from('x'), contentType: 'video/mp4', extension: 'mp4' }])
  await house.fail(image)

  const report = async (query: string, as = key) => (await house.fetch(`/api/usage?${query}`, { key: as })).json()
  const sums = {
    jobs: 2,
    succeeded: 1,
    failed: 1,
    canceled: 0,
    credits: 25,
    usd: 0.5,
    unknown: 0,
    unknown_credits: 0,
    unknown_usd: 0,
  }
  expect(await report('group_by=team')).toEqual({
    object: 'usage',
    from: `${today().slice(0, 7)}-01`,
    to: today(),
    data: [{ team, ...sums }],
    totals: sums,
    open: { jobs: 1, held_credits: 60, held_usd: 1.2 },
  })
  const { data } = (await report('group_by=key,provider,model,day')) as { data: object[] } // compared
  const one = { key: keyId, day: today(), jobs: 1 }
  expect(data).toMatchObject([
    { ...one, provider: 'runware', model: 'runware:101@1', failed: 1, usd: 0 },
    { ...one, provider: 'runway', model: 'gen4.5', succeeded: 1, credits: 25 },
  ])
  expect(await report('from=2026-01-01&to=2026-01-02')).toMatchObject({ data: [], totals: { jobs: 0 } })
  expect(await report('group_by=team', OTHER_KEY)).toMatchObject({ data: [] })
  const all = (await (await house.fetch('/api/usage?group_by=team')).json()) as { data: { team: string }[] } // compared
  expect(all.data.map((row) => row.team)).toContain(team)
})

test.each([
  ['from=2026-02-30', 'from', 'such as 2026-11-20'],
  ['to=yesterday', 'to', 'such as 2026-11-20'],
  ['from=2026-03-02&to=2026-03-01', 'from', 'after to'],
  ['from=2026-01-01&to=2026-12-31', 'from', 'at most 92 days'],
  ['group_by=door', 'group_by', 'team, key, provider'],
])('%s is refused by its name, in words that help', async (query, param, words) => {
  const response = await house.fetch(`/api/usage?${query}`)
  expect([response.status, await response.json()]).toMatchObject([
    400,
    { param, detail: expect.stringMatching(`${param} .*${words}`) },
  ])
})
