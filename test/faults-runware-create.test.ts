import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { openHouse } from './house.ts'
import {
  everyRunwareFaultHasACase,
  fails,
  type RunwareCase,
  type RunwareFaultOf,
  runwareFaultSuite,
  succeeds,
} from './runware-fault-table.ts'
import { IMAGE, openWaitingJobs } from './waiting-jobs.ts'

const PNG = new URL('../packages/simulator/media/output.png', import.meta.url)

/** The answer is lost or says nothing: the same create again tells, and the task is made and paid for once. */
const REPEATED = succeeds({ requests: 2 })
const BODIES = ['error', 'message', 'empty', 'html'] as const
const each = <T>(values: readonly T[], make: (value: T) => RunwareCase) => values.map(make)
const eitherWay = (args: RunwareCase['args'] = {}): RunwareCase[] =>
  [true, false].map((accept) => ({ args: { ...args, accept }, ends: REPEATED }))
const refused = (args: RunwareCase['args'] = {}): RunwareCase => ({ args, ends: fails('invalid_input') })

const ANSWERS = {
  'create.ok': [{ ends: succeeds({ shows: { cost: { amount: expect.any(Number), unit: 'usd', final: true } } }) }],
  'create.accept_then_drop': [{ ends: REPEATED }],
  'create.accept_then_5xx': [502, 503, 504].flatMap((status) =>
    each(['error', 'html'], (body) => ({ args: { status, body }, ends: REPEATED })),
  ),
  'create.accept_then_hang': [{ ends: REPEATED }],
  'create.reject_5xx': [
    ...each([502, 503, 504], (status) => ({ args: { status }, ends: REPEATED })),
    { args: { n: 3, body: 'html' }, ends: succeeds({ requests: 4 }) },
  ],
  'create.reset_before_accept': [{ ends: REPEATED }],
  'create.200_html': eitherWay(),
  'create.200_empty': eitherWay(),
  'create.200_truncated': [...eitherWay({ how: 'json' }), ...eitherWay({ how: 'socket' })],
  'create.200_no_id': eitherWay(),
  'create.slow': [{ args: { ms: 20_000 }, ends: succeeds() }],
  'create.trickle': [{ args: { bytesPerSecond: 500 }, ends: succeeds() }],
  'create.redirect': each([301, 302, 307, 308], (status) => ({ args: { status }, ends: REPEATED })),
  'create.404': each(BODIES, (body) => refused({ body })),
  'create.405': [refused({ body: 'html' })],
  'create.413': [refused({ body: 'html' })],
  'create.415': [refused({ body: 'empty' })],
  'create.422': [{ ends: fails('moderation') }],
  'create.conflict_uuid': [{ ends: succeeds() }],
  'create.ack_empty': [{ ends: succeeds() }],
  'create.errors_in_200': [{ ends: fails('provider_failed') }],
  'create.partial_batch': [refused()],
  'create.error_without_uuid': [refused()],
  'create.503_capacity': [{ ends: REPEATED }],
  'create.504_queue': [{ ends: REPEATED }],
} satisfies Partial<Record<RunwareFaultOf<'create'>, RunwareCase[]>>

runwareFaultSuite('6, 35, 37, 38 answers to a create (I1, I2)', { env: { WAIT_TIMEOUT_MS: '1500' } }, ANSWERS, [
  'video',
  'image',
])

/** The rest of a key holds everybody back; the world runs a thousand times faster, so that it is short. */
const FAST = { simulator: { clock: { speed: 1000 } }, env: { SPEED: '1000' } }
const RESTED = succeeds({ requests: 2 })
const LIMITS = {
  'create.401': [
    ...each(['bad_key', 'no_key', 'suspended'], (reason) => ({ args: { reason }, ends: RESTED })),
    { args: { body: 'html' }, ends: RESTED },
  ],
  'create.403': [{ ends: RESTED }],
  'create.402_credits': each(['error', 'message', 'empty'], (body) => ({ args: { body }, ends: RESTED })),
  'create.429_daily': [
    ...each(['absent', '2', '90', 'date', 'garbage'], (retryAfter) => ({ args: { retryAfter }, ends: RESTED })),
    ...each(['message', 'empty', 'html'], (body) => ({ args: { body }, ends: RESTED })),
  ],
  'create.429_burst': [{ args: { n: 3 }, ends: succeeds({ requests: 4 }) }],
  // Nothing is made and the answer looks as if it were.
  'create.dry_run': [{ ends: fails('provider_lost') }],
  // Called taken, and nobody knows it: lost, and nothing was charged.
  'create.conflict_but_unknown': [{ args: { accept: false }, ends: fails('provider_lost') }],
} satisfies Partial<Record<RunwareFaultOf<'create'>, RunwareCase[]>>

runwareFaultSuite('36, 39 limits and the lost (I1, I2)', FAST, LIMITS, ['video', 'image'])

test('create.refused: a vendor that takes no connections gets one create when it is back', async () => {
  const house = await openHouse()
  onTestFinished(() => house.close())
  house.simulator.runware.fault('create.refused', { ms: 30_000 })
  const { id } = await house.postRunware({ prompt: 'refused' })
  const job = await house.ended(id)
  expect(job.status).toBe('succeeded')
  expect(house.simulator.runware.ledger().markers.refused?.tasks).toBe(1)
  house.assertHonest()
})

test.each(['upload.placeholder_429', 'upload.no_imageUUID', 'upload.forgotten'] as const)(
  '%s: an input is handed over anew, and the task is made and paid for once',
  async (fault) => {
    const house = await openHouse()
    onTestFinished(() => house.close())
    const { runware } = house.simulator
    runware.fault(fault)
    const picture = Buffer.concat([readFileSync(PNG), Buffer.alloc(1_000_000, 1)])
    const seedImage = `data:image/png;base64,${picture.toString('base64')}`
    const input = { ...IMAGE, seedImage, strength: 0.5, positivePrompt: fault }
    const { id } = await house.postRunware({ operation: 'imageInference', input })
    expect(await house.ended(id)).toMatchObject({ status: 'succeeded', error: null })
    expect(runware.ledger().markers[fault]?.tasks).toBe(1)
    expect(runware.uploads().length).toBeGreaterThan(0)
    await house.webhook(id)
    house.assertHonest()
  },
)

test('no repeat is sent with another key, and none past the queue deadline or after a cancel', async () => {
  const keys = ['a', 'b', 'c'].map((letter) => letter.repeat(32))
  const house = await openHouse({ simulator: { runware: { keys } } })
  onTestFinished(() => house.close())
  const { runware } = house.simulator
  const waiting = await openWaitingJobs(house)
  onTestFinished(() => waiting.close())

  // Its answer comes after the queue deadline, or never for a job that is canceled meanwhile.
  for (const prompt of ['late', 'canceled']) {
    for (const accept of [true, false]) {
      const match = { promptIncludes: `${prompt} and ${accept ? 'made' : 'not made'}` }
      runware.script({ create: { accept, fate: 'hang' }, match })
    }
  }
  for (let n = 0; n < 12; n += 1) {
    runware.script({ create: { accept: true, http: 503, body: '' }, match: { promptIncludes: `key ${n}.` } })
  }
  const video = { model: 'klingai:5@3', duration: 5, width: 1920, height: 1080 }
  const short = { deadlines: { queueMs: 500, throttledMs: 60_000, runningMs: 60_000 }, waits: false }
  const lateMade = await waiting.accept('videoInference', { ...video, positivePrompt: 'late and made' }, short)
  const lateNot = await waiting.accept('imageInference', { ...IMAGE, positivePrompt: 'late and not made' }, short)
  const canceled = await Promise.all(
    ['canceled and made', 'canceled and not made'].map(async (prompt) => {
      const { id } = await house.postRunware({ prompt })
      await expect.poll(() => runware.ledger().markers[prompt]?.requests, { interval: 1 }).toBeGreaterThan(0)
      await house.call('DELETE', `/v1/jobs/${id}`)
      return id
    }),
  )
  const spread = await Promise.all(
    Array.from({ length: 12 }, (_, n) => house.postRunware({ prompt: `key ${n}.` }).then(({ id }) => id)),
  )
  for (const id of spread) expect((await house.ended(id)).status).toBe('succeeded')
  expect((await house.ended(lateMade)).status).toBe('succeeded')
  expect((await house.ended(lateNot)).error?.code).toBe('provider_unavailable')
  for (const id of canceled) expect((await house.ended(id)).status).toBe('canceled')
  const { markers } = runware.ledger()
  expect(markers).toMatchObject({
    'late and made': { requests: 1, tasks: 1 },
    'late and not made': { requests: 1, tasks: 0 },
    'canceled and made': { requests: 1, tasks: 1 },
    'canceled and not made': { requests: 1, tasks: 0 },
  })
  const usedKeys = new Set(runware.ledger().entries.map(({ key }) => key))
  expect(usedKeys.size).toBeGreaterThan(1)
  house.assertHonest()
})

everyRunwareFaultHasACase('create', [ANSWERS, LIMITS, { 'create.refused': true }])
