import { expect, onTestFinished, test } from 'vitest'
import { each, everyFaultHasACase, type FaultCase, type FaultOf, failed, faultSuite, succeeded } from './fault-table.ts'
import { openHouse } from './house.ts'

const UNKNOWN = failed('submission_unknown', { error: { retryable: true } })
const NOT_MADE = { ...UNKNOWN, tasks: 0 }
const BODIES = ['error', 'html'] as const
const REFUSED = failed('invalid_input', { tasks: 0, error: { retryable: false } })
const refusedSaying = (provider_message: string) => failed('invalid_input', { tasks: 0, error: { provider_message } })

/** Whatever the answer was, it is not known what it meant: sent once, never again. */
const serverErrors = (ends: FaultCase['ends']) =>
  [502, 503, 504].flatMap((status) => each(BODIES, (body) => ({ args: { status, body }, ends })))
const eitherWay = (args: FaultCase['args'] = {}): FaultCase[] => [
  { args: { ...args, accept: true }, ends: UNKNOWN },
  { args: { ...args, accept: false }, ends: NOT_MADE },
]
const resubmit = (ends: FaultCase['ends'], args: FaultCase['args'] = {}): FaultCase => ({
  args,
  job: { on_submission_unknown: 'resubmit' },
  ends,
})

const ANSWERS = {
  'create.ok': [{ ends: succeeded({ shows: { cost: { amount: 60, unit: 'credits', final: true } } }) }],
  'create.ok_no_estimate': [{ ends: succeeded() }],
  'create.accept_then_drop': [
    { ends: UNKNOWN },
    resubmit(succeeded({ requests: 2, tasks: 2 })),
    resubmit({ ...UNKNOWN, requests: 2, tasks: 2 }, { times: 'forever' }),
  ],
  'create.accept_then_5xx': [...serverErrors(UNKNOWN), resubmit(succeeded({ requests: 2, tasks: 2 }), { status: 504 })],
  'create.accept_then_hang': [{ ends: UNKNOWN }, resubmit({ ...UNKNOWN, requests: 2, tasks: 2 }, { times: 2 })],
  'create.reject_5xx': [
    ...serverErrors(NOT_MADE),
    resubmit(succeeded({ requests: 2 })),
    resubmit({ ...NOT_MADE, requests: 2 }, { times: 'forever' }),
  ],
  'create.reset_before_accept': [{ ends: NOT_MADE }],
  'create.200_html': eitherWay(),
  'create.200_empty': eitherWay(),
  'create.200_truncated': [...eitherWay({ how: 'json' }), ...eitherWay({ how: 'socket' })],
  'create.200_no_id': eitherWay(),
  'create.slow': [
    { args: { ms: 20_000 }, ends: succeeded() },
    { args: { ms: 200_000 }, ends: UNKNOWN },
  ],
  'create.trickle': [
    { args: { bytesPerSecond: 20 }, ends: succeeded() },
    { args: { bytesPerSecond: 0.1 }, ends: UNKNOWN },
  ],
  'create.redirect': [
    ...each([301, 302, 307, 308], (status) => ({ args: { status }, ends: NOT_MADE })),
    ...each(['same', 'metadata', 'http'], (to) => ({ args: { to }, ends: NOT_MADE })),
  ],
  'create.400_validation': [
    { ends: refusedSaying('ratio: Invalid option: expected one of "1280:720"|"720:1280"') },
    ...each(['message', 'empty', 'html'], (body) => ({ args: { body }, ends: REFUSED })),
  ],
  'create.400_asset': [
    ...each(
      ['non_200', 'timeout', 'connection', 'not_https', 'ip_host', 'bad_url', 'bad_data_uri', 'media_type'],
      (reason) => ({ args: { reason }, ends: REFUSED }),
    ),
    ...each(['too_long', 'too_large', 'dimensions'], (reason) => ({ args: { reason }, ends: REFUSED })),
  ],
  'create.400_unknown_field': [{ ends: refusedSaying('Unrecognized key: "unknownField"') }],
  'create.400_bad_model': [{ ends: REFUSED }],
  'create.400_on_behalf_of': [{ ends: failed('provider_configuration', { tasks: 0, error: { retryable: false } }) }],
  'create.404': each(['error', 'html'], (body) => ({ args: { body }, ends: REFUSED })),
  'create.405': [{ ends: REFUSED }],
  'create.413': [{ args: { body: 'html' }, ends: REFUSED }],
  'create.415': [{ args: { body: 'empty' }, ends: REFUSED }],
  'create.422': [{ args: { body: 'message' }, ends: REFUSED }],
} satisfies Partial<Record<FaultOf<'create'>, FaultCase[]>>

faultSuite(
  '6, 35, 37, 38 answers to a create (I1, I2)',
  { simulator: { runway: { concurrency: null } } },
  ANSWERS,
  (house) => {
    test('a model that our table does not list for the inputs is passed on; the vendor’s refusal costs nothing', async () => {
      const request = { model: 'runway/gen4_turbo', prompt: 'no image', seconds: '5', size: '1280x720' }
      const response = await house().call('POST', '/v1/videos', request)
      expect(response.status).toBe(200)
      const { id } = (await response.json()) as { id: string } // the API's own answer
      const job = await house().ended(id.replace('video_', 'job_'))
      expect(job).toMatchObject({
        operation: 'text_to_video',
        error: { code: 'invalid_input', provider_message: 'model: Invalid input' },
      })
      expect(house().simulator.runway.ledger().markers['no image']).toEqual({ requests: 1, tasks: 0 })
    })

    test('no create was ever sent on to where a redirect points', () => {
      const elsewhere = house()
        .simulator.journal()
        .filter(({ path }) => path.includes('redirected'))
      expect(elsewhere).toEqual([])
    })
  },
)

/** A rest holds key and model back, so each of these has a model of its own. */
let models = 0
const limited = (args: FaultCase['args'], restSeconds: number, more: Partial<FaultCase> = {}): FaultCase => {
  models += 1
  return {
    args: { ...args },
    job: { input: { model: `limited-${models}` } },
    // The world runs two hundred times faster: a second of ours is the slack.
    ends: succeeded({ requests: 2, restSeconds: [restSeconds - 0.5, restSeconds + 200] }),
    ...more,
  }
}
const LIMITS = {
  'create.429_daily': [
    limited({}, 300),
    limited({ retryAfter: '2' }, 2),
    limited({ retryAfter: '90' }, 90),
    limited({ retryAfter: 'date' }, 90),
    limited({ retryAfter: 'garbage' }, 300),
    limited({ retryAfter: 'negative' }, 300),
    limited({ retryAfter: 'huge' }, 900),
    limited({ body: 'message' }, 30),
    limited({ body: 'empty' }, 30),
    limited({ body: 'html' }, 30),
  ],
  'create.429_burst': [limited({ n: 3 }, 30, { ends: succeeded({ requests: 4 }) })],
} satisfies Partial<Record<FaultOf<'create'>, FaultCase[]>>

faultSuite(
  '36 limits of a key and model (I1, I2)',
  {
    simulator: { clock: { speed: 200 }, runway: { concurrency: null, lenientModels: true } },
    env: { SPEED: '200' },
  },
  LIMITS,
  (house) => {
    test('a job fails at its queue deadline, not when the rest of its key ends', async () => {
      const { runway } = house().simulator
      runway.fault('create.429_daily', { retryAfter: 'huge' }, { promptIncludes: 'too late' })
      const late = { input: { model: 'late', promptText: 'too late' }, deadlines: { queue_seconds: 1 } }
      const { id } = await house().post(late)
      const { error, times } = await house().ended(id)
      expect(error).toMatchObject({ code: 'quota_exceeded', retryable: true })
      // The rest lasts four and a half seconds.
      expect(Date.parse(times.failed ?? '') - Date.parse(times.queued ?? '')).toBeLessThan(3_000)
      expect(runway.ledger().markers['too late']).toEqual({ requests: 1, tasks: 0 })
      expect((await house().webhook(id)).type).toBe('video.failed')
    })

    test('a job held back by a daily limit stays queued, says why and until when, and others go on', async () => {
      const { runway } = house().simulator
      runway.fault('create.429_daily', { retryAfter: '90' }, { promptIncludes: 'held back' })
      const { id } = await house().post({ input: { model: 'held', promptText: 'held back' } })
      await expect
        .poll(async () => (await house().get(id)).waiting, { interval: 10 })
        .toEqual({ reason: 'rate_limited', until: expect.any(String) })
      const waiting = await house().get(id)
      expect(waiting).toMatchObject({ status: 'queued', stage: 'submit' })
      const waitMs = Date.parse(waiting.waiting?.until ?? '') - Date.parse(waiting.times.submitting ?? '')
      expect(waitMs).toBeGreaterThan(440)
      expect(waitMs).toBeLessThan(1_500)
      const other = await house().post({ prompt: 'goes on' })
      expect((await house().ended(other.id)).status).toBe('succeeded')
      expect((await house().ended(id)).status).toBe('succeeded')
    })
  },
)

/** A rest of the whole key holds everybody back; the world runs a thousand times faster, so that it is short. */
const FAST = { simulator: { clock: { speed: 1000 }, runway: { concurrency: null } }, env: { SPEED: '1000' } }
const rested = (seconds: number) => succeeded({ requests: 2, restSeconds: [seconds - 2, Number.POSITIVE_INFINITY] })
const ACCOUNT = {
  'create.401': [
    ...each(['bad_key', 'no_key', 'suspended', 'wrong_version'], (reason) => ({ args: { reason }, ends: rested(60) })),
    ...each(['message', 'empty', 'html'], (body) => ({ args: { body }, ends: rested(60) })),
  ],
  'create.403': [{ ends: rested(60) }],
  'create.400_no_credits': [{ ends: rested(300) }, { args: { body: 'message' }, ends: rested(300) }],
} satisfies Partial<Record<FaultOf<'create'>, FaultCase[]>>

faultSuite('39 an account that is refused (I1)', FAST, ACCOUNT, (house) => {
  test('a revoked key is parked, the job waits for it and runs when it works again', async () => {
    const { runway } = house().simulator
    const [key = ''] = runway.keys
    runway.revokeKey(key)
    const { id } = await house().post({ prompt: 'parked' })
    const late = await house().post({ prompt: 'parked too long', deadlines: { queue_seconds: 1 } })
    await expect.poll(async () => (await house().get(id)).waiting?.reason, { interval: 10 }).toBe('provider_auth')
    expect((await house().ended(late.id)).error).toMatchObject({ code: 'provider_auth', retryable: false })
    expect((await house().get(id)).completed_at).toBeNull()
    runway.setKeyStatus(key, 'active')
    expect(await house().ended(id)).toMatchObject({ status: 'succeeded' })
    expect(runway.ledger().markers.parked?.tasks).toBe(1)
    expect(runway.ledger().markers['parked too long']).toBeUndefined()
  })

  test('a job that no credits are left for until its queue deadline fails with quota_exceeded', async () => {
    const { runway } = house().simulator
    runway.setCredits(0)
    const { id } = await house().post({ prompt: 'broke', deadlines: { queue_seconds: 1 } })
    expect((await house().ended(id)).error?.code).toBe('quota_exceeded')
    expect((await house().webhook(id)).type).toBe('video.failed')
    expect(runway.ledger().markers.broke?.tasks ?? 0).toBe(0)
  })
})

test('create.refused: a vendor that takes no connections is tried again, and gets one create when it is back', async () => {
  const house = await openHouse()
  onTestFinished(() => house.close())
  const { runway } = house.simulator
  runway.fault('create.refused', { ms: 30_000 })
  const { id } = await house.post({ prompt: 'refused' })
  const job = await house.ended(id)
  expect(job.status).toBe('succeeded')
  expect(job.attempts.submits).toBeGreaterThan(1)
  expect(runway.ledger().markers.refused).toEqual({ requests: 1, tasks: 1 })

  runway.fault('create.refused', { ms: 10_000_000 })
  const late = await house.post({ prompt: 'refused for long', deadlines: { queue_seconds: 1 } })
  expect((await house.ended(late.id)).error).toMatchObject({ code: 'provider_unavailable', retryable: true })
  expect(runway.ledger().markers['refused for long']).toBeUndefined()
  await house.webhook(late.id)
  house.assertHonest()
})

everyFaultHasACase('create', [ANSWERS, LIMITS, ACCOUNT, { 'create.refused': true }])
