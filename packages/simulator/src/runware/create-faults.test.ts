import { describe, expect } from 'vitest'
import type { Answered } from '../simulation.fixture.ts'
import type { RUNWARE_CREATE_FAULTS } from './create-faults.ts'
import { dataOf, errorsOf, test, type Vendor, video } from './vendor.fixture.ts'

type Create = () => Promise<Answered & { readonly uuid: string }>
type Observe = (vendor: Vendor, create: Create) => Promise<void>

const tasks = ({ runware }: Vendor): number => runware.tasks().length
const ack = (uuid: string) => [{ taskType: 'videoInference', taskUUID: uuid }]

/** The task exists, and asking again with its UUID proves it. */
async function expectAccepted(vendor: Vendor, uuid: string): Promise<void> {
  const again = await vendor.post([video({ taskUUID: uuid })])
  expect([again.status, errorsOf(again)[0]?.code, tasks(vendor)]).toEqual([400, 'conflictTaskUUID', 1])
}
const refused =
  (status: number, code: string): Observe =>
  async (vendor, create) => {
    const answer = await create()
    expect([answer.status, dataOf(answer), tasks(vendor)]).toEqual([status, [], 0])
    expect(errorsOf(answer)).toMatchObject([{ code, message: expect.any(String), taskUUID: answer.uuid }])
    const again = await vendor.post([video({ taskUUID: answer.uuid })])
    expect(dataOf(again), 'the same UUID after it').toEqual(ack(answer.uuid))
  }
/** The socket ends without an answer, and afterwards there are so many tasks. */
const broken =
  (taskCount: number, fate: string): Observe =>
  async (vendor, create) => {
    await expect(create()).rejects.toThrow('fetch failed')
    expect(tasks(vendor)).toBe(taskCount)
    expect(vendor.sim.journal().at(-1)).toMatchObject({ fate })
  }
const protocol =
  (body: RegExp): Observe =>
  async (vendor, create) => {
    const { status, bytes, uuid } = await create()
    expect([status, bytes.toString()]).toEqual([200, expect.stringMatching(body)])
    await expectAccepted(vendor, uuid)
  }

const OBSERVED = {
  'create.ok': async (vendor, create) => {
    const answer = await create()
    expect([answer.status, dataOf(answer), tasks(vendor)]).toEqual([200, ack(answer.uuid), 1])
  },
  'create.accept_then_drop': broken(1, 'dropped'),
  'create.accept_then_5xx': async (vendor, create) => {
    const answer = await create()
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([503, 'serviceUnavailable'])
    await expectAccepted(vendor, answer.uuid)
  },
  'create.accept_then_hang': async (vendor) => {
    await expect(vendor.video({}, { signal: AbortSignal.timeout(100) })).rejects.toThrow('timeout')
    expect(tasks(vendor)).toBe(1)
  },
  'create.reject_5xx': refused(503, 'serviceUnavailable'),
  'create.reset_before_accept': broken(0, 'reset'),
  'create.refused': async (vendor, create) => {
    await expect(create()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    vendor.sim.clock.advance(1000)
    await expect.poll(async () => (await create().catch(() => undefined))?.status).toBe(200)
    expect(tasks(vendor)).toBe(1)
  },
  'create.200_html': protocol(/^<!doctype html>/),
  'create.200_empty': protocol(/^$/),
  'create.200_truncated': protocol(/^\{"data":\[\{[^}]*$/),
  'create.200_no_id': protocol(/^\{"data":\[\{"taskType":"videoInference"\}\]\}$/),
  'create.slow': async (vendor, create) => {
    const answer = create()
    await expect.poll(() => tasks(vendor)).toBe(1)
    expect(vendor.sim.journal()[0]).toMatchObject({ fate: 'open' })
    vendor.sim.clock.advance(5000)
    expect((await answer).status).toBe(200)
  },
  'create.trickle': async (vendor, create) => {
    const answer = create()
    await expect.poll(() => tasks(vendor)).toBe(1)
    vendor.sim.clock.advance(1000)
    expect(vendor.sim.journal()[0]).toMatchObject({ fate: 'open' })
    vendor.sim.clock.advance(30_000)
    expect(dataOf(await answer)).toHaveLength(1)
  },
  'create.redirect': async (vendor, create) => {
    const { status, headers } = await create()
    expect([status, headers.get('location'), tasks(vendor)]).toEqual([307, `${vendor.sim.assets.url}/redirected`, 0])
  },
  'create.401': refused(401, 'invalidApiKey'),
  'create.403': refused(403, 'accessDenied'),
  'create.404': refused(404, 'modelNotFound'),
  'create.405': refused(405, 'methodNotAllowed'),
  'create.413': refused(413, 'payloadTooLarge'),
  'create.415': refused(415, 'unsupportedMediaType'),
  'create.422': refused(422, 'invalidProviderContent'),
  'create.429_daily': refused(429, 'rateLimitExceeded'),
  'create.429_burst': refused(429, 'rateLimitExceeded'),
  'create.conflict_uuid': async (vendor, create) => {
    const answer = await create()
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([400, 'conflictTaskUUID'])
    vendor.sim.clock.advance(12_000)
    expect(dataOf(await vendor.poll(answer.uuid))).toMatchObject([{ status: 'success' }])
  },
  'create.conflict_but_unknown': async (vendor, create) => {
    const answer = await create()
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([400, 'conflictTaskUUID'])
    vendor.sim.clock.advance(12_000)
    expect((await vendor.poll(answer.uuid)).json).toEqual({ data: [] })
    expect(errorsOf(await vendor.details(answer.uuid))).toMatchObject([{ code: 'taskNotFound' }])
  },
  'create.ack_empty': async (vendor, create) => {
    const answer = await create()
    expect([answer.status, answer.json]).toEqual([200, { data: [] }])
    await expectAccepted(vendor, answer.uuid)
  },
  'create.errors_in_200': refused(200, 'providerError'),
  'create.partial_batch': async (vendor) => {
    const batch = [video(), video(), video()]
    const answer = await vendor.post(batch)
    expect([answer.status, dataOf(answer).map(({ taskUUID }) => taskUUID)]).toEqual([
      200,
      batch.slice(1).map(({ taskUUID }) => taskUUID),
    ])
    expect(errorsOf(answer)).toMatchObject([{ code: 'invalidModel', taskUUID: batch[0]?.taskUUID }])
    expect(tasks(vendor)).toBe(2)
  },
  'create.error_without_uuid': async (vendor, create) => {
    const answer = await create()
    expect([answer.status, errorsOf(answer)[0]?.code, tasks(vendor)]).toEqual([400, 'invalidModel', 0])
    expect(errorsOf(answer)[0]).not.toHaveProperty('taskUUID')
  },
  'create.402_credits': refused(402, 'insufficientCredits'),
  'create.503_capacity': refused(503, 'noAvailableServer'),
  'create.504_queue': refused(504, 'timeout'),
  'create.dry_run': async (vendor, create) => {
    const answer = await create()
    expect([dataOf(answer)[0]?.cost, tasks(vendor)]).toEqual([0.45, 0])
    expect(dataOf(await vendor.post([video({ taskUUID: answer.uuid })])), 'the real one').toEqual(ack(answer.uuid))
  },
} satisfies Record<keyof typeof RUNWARE_CREATE_FAULTS, Observe>

describe('a task that meets', () => {
  for (const [id, observe] of Object.entries(OBSERVED)) {
    test(`${id} shows it on the wire`, async ({ vendor }) => {
      const given = await vendor()
      // Object.entries of a literal gives its own keys.
      given.runware.fault(id as keyof typeof RUNWARE_CREATE_FAULTS)
      await observe(given, () => given.video())
    })
  }

  for (const status of [502, 503, 504]) {
    test(`create.accept_then_5xx with ${status} as a page gets both`, async ({ vendor }) => {
      const given = await vendor()
      given.runware.fault('create.accept_then_5xx', { status, body: 'html' })
      const answer = await given.video()
      expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'text/html; charset=utf-8'])
      await expectAccepted(given, answer.uuid)
    })
  }

  test('create.429_daily with a Retry-After gets that header beside its errors', async ({ vendor }) => {
    const given = await vendor()
    given.runware.fault('create.429_daily', { retryAfter: '90' })
    const answer = await given.video()
    expect([answer.status, answer.headers.get('retry-after'), errorsOf(answer).length]).toEqual([429, '90', 1])
  })

  test('create.429_burst of three is refused three times and then let in', async ({ vendor }) => {
    const given = await vendor()
    given.runware.fault('create.429_burst', { n: 3 })
    const statuses = []
    for (let attempt = 0; attempt < 4; attempt += 1) statuses.push((await given.video()).status)
    expect(statuses).toEqual([429, 429, 429, 200])
  })

  test('a fault its prompt asks for, and one that waits for its task type and model', async ({ vendor }) => {
    const given = await vendor()
    given.runware.fault('create.403', {}, { taskType: 'videoInference', model: 'minimax:1@1' })
    expect((await given.video({ positivePrompt: 'a lake [[sim:create.429_daily times=1]]' })).status).toBe(429)
    expect((await given.video({ positivePrompt: 'a lake [[sim:create.429_daily times=1]]' })).status).toBe(200)
    expect((await given.video({ model: 'minimax:1@1', duration: 6 })).status).toBe(403)
    const nonsense = await given.video({ positivePrompt: 'a lake [[sim:create.nonsense]]' })
    expect(errorsOf(nonsense)).toMatchObject([{ code: 'invalidPositivePrompt' }])
  })
})
