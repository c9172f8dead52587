import { expect, test } from 'vitest'
import { each, everyFaultHasACase, type FaultCase, type FaultOf, failed, faultSuite, succeeded } from './fault-table.ts'
import type { House } from './house.ts'

const RETRYABLE = { error: { retryable: true } }
const LATE = { deadlines: { throttled_seconds: 1 } }
const LATE_RUNNING = { deadlines: { running_seconds: 1 } }
const FOREVER = { n: 'forever' }
/** Nothing of what it meets on the way changes how it ends. */
const survives = (args: FaultCase['args'] = {}): FaultCase => ({ args, ends: succeeded() })

/** The row of the table, the code of ours, and whether the same request may help. */
const failure = (code: string, ours: Parameters<typeof failed>[0], retryable: boolean): FaultCase => ({
  args: { code },
  ends: failed(ours, { error: { retryable, provider_code: code }, upstream: 'FAILED' }),
})

const LOOKS = {
  'poll.throttled': each([1, 8], (n) => survives({ n })),
  'poll.throttled_forever': [{ job: LATE, ends: failed('throttled_timeout', { ...RETRYABLE, upstream: 'CANCELLED' }) }],
  'poll.progress': [
    { args: {}, ends: succeeded({ shows: { progress: 100 } }), meanwhile: progressNeverFalls },
    survives({ list: '0.9,missing,0.1,150,-1' }),
  ],
  'poll.status_flap': [survives()],
  'poll.unknown_status': [
    ...each(['PROCESSING', 'QUEUED', 'FOO'], (status) => survives({ status, n: 2 })),
    {
      args: { status: 'FOO', ...FOREVER },
      job: LATE,
      ends: failed('throttled_timeout', { upstream: 'CANCELLED', shows: { upstream_status: 'FOO' } }),
    },
    { args: { status: 'PROCESSING', ...FOREVER }, job: LATE_RUNNING, ends: failed('run_timeout') },
  ],
  'poll.status_lowercase': [survives()],
  'poll.canceled_spelling': [{ ends: failed('provider_failed', { error: { provider_code: 'CANCELED' } }) }],
  'poll.404_lag': each([1, 3], (n) => survives({ n })),
  'poll.404_forever': [
    { ends: failed('provider_lost', RETRYABLE) },
    { args: { after: 2 }, script: { runningMs: 600_000 }, ends: failed('provider_lost') },
  ],
  'poll.5xx': [
    ...[502, 503, 504].flatMap((status) => each(['error', 'html'], (body) => survives({ status, body, n: 3 }))),
  ],
  'poll.hang': [survives({ n: 2 })],
  'poll.drop': [survives({ n: 3 })],
  'poll.html': [survives({ n: 3 })],
  'poll.truncated': each(['json', 'socket'], (how) => survives({ how, n: 2 })),
  'poll.401_midway': [survives({ n: 2 })],
  'poll.stuck': [{ job: LATE_RUNNING, ends: failed('run_timeout', { ...RETRYABLE, upstream: 'CANCELLED' }) }],
  'poll.failed': [
    ...each(
      ['SAFETY.INPUT.TEXT', 'SAFETY.INPUT.IMAGE', 'SAFETY.INPUT.VIDEO', 'SAFETY.OUTPUT.VIDEO', 'SAFETY.OUTPUT'],
      (code) => failure(code, 'moderation', false),
    ),
    failure('INPUT_PREPROCESSING.SAFETY.TEXT', 'moderation', false),
    failure('INPUT_PREPROCESSING.SAFETY.THIRD_PARTY', 'moderation', false),
    failure('INPUT_PREPROCESSING.INTERNAL', 'provider_failed', true),
    failure('INTERNAL.BAD_OUTPUT.CODE01', 'provider_failed', true),
    failure('INTERNAL.BAD_OUTPUT.01', 'provider_failed', true),
    failure('THIRD_PARTY.UNAVAILABLE', 'provider_failed', true),
    failure('ASSET.INVALID', 'invalid_input', false),
    failure('INTERNAL', 'provider_failed', true),
    failure('SOMETHING.NEW', 'provider_failed', true),
    ...each(['null', 'missing'], (code) => ({
      args: { code },
      ends: failed('provider_failed', { error: { retryable: true, provider_code: null } }),
    })),
    { args: { failure: 'missing' }, ends: failed('provider_failed', { error: { provider_message: null } }) },
    { args: { failure: 'Our fault.' }, ends: failed('provider_failed', { error: { provider_message: 'Our fault.' } }) },
    // What a safety check saw is not for whoever wrote the prompt.
    {
      args: { code: 'SAFETY.INPUT.TEXT', failure: 'secret details' },
      ends: failed('moderation', { error: { provider_message: null } }),
    },
  ],
  'poll.cancelled': [{ ends: failed('provider_failed', { error: { provider_code: 'CANCELLED', retryable: true } }) }],
  'poll.succeeded_no_output': each(['empty', 'missing', 'blank', 'null'], (how) => ({
    args: { how },
    ends: failed('empty_output', { error: { retryable: true }, upstream: 'SUCCEEDED' }),
  })),
  'poll.succeeded_multi': [
    { ends: succeeded({ outputs: ['video/mp4', 'image/png', 'audio/wav'] }) },
    {
      args: { n: 5, types: 'image/jpeg,application/zip' },
      ends: succeeded({
        outputs: ['image/jpeg', 'application/zip', 'image/jpeg', 'application/zip', 'image/jpeg'],
      }),
    },
  ],
  'poll.cost': [
    ...each([1, 0], (cost) => ({
      args: { cost },
      ends: succeeded({ shows: { cost: { amount: cost, unit: 'credits', final: true } } }),
    })),
    {
      args: { cost: 'missing' },
      ends: succeeded({ shows: { cost: { amount: 60, unit: 'credits', final: false } } }),
    },
  ],
  'poll.terminal_flip': [survives({ n: 3 }), survives({ n: 3, now: true })],
  'poll.fresh_urls': [survives()],
} satisfies Partial<Record<FaultOf<'poll'>, FaultCase[]>>

faultSuite('35 to 39 looks at a task (I1, I2)', { simulator: { runway: { concurrency: null } } }, LOOKS, (house) => {
  test('a task that somebody deleted behind our back ends its job as provider_lost', async () => {
    const { runway } = house().simulator
    runway.script({ runningMs: 600_000, match: { promptIncludes: 'deleted elsewhere' } })
    const { id } = await house().post({ prompt: 'deleted elsewhere' })
    await expect.poll(async () => (await house().get(id)).upstream_status, { interval: 10 }).toBe('RUNNING')
    runway.deleteTask((await house().get(id)).task_id ?? '')
    expect((await house().ended(id)).error).toMatchObject({ code: 'provider_lost', retryable: true })
  })
})

async function progressNeverFalls(house: House, { id }: { id: string }): Promise<void> {
  let highest = 0
  for (let job = await house.get(id); job.completed_at === null; job = await house.get(id)) {
    expect(job.progress).toBeGreaterThanOrEqual(highest)
    expect(job.progress).toBeLessThanOrEqual(99)
    highest = job.progress
  }
}

/** A limit on looks holds back every task of the key; the world runs a thousand times faster, so that it is short. */
const NEVER_DONE = { runningMs: 1e9 }
const LIMITS = {
  'poll.429': [
    ...each(['absent', '2', '90', 'date', 'garbage', 'negative', 'huge'], (retryAfter) => survives({ retryAfter })),
    ...each(['message', 'empty', 'html'], (body) => survives({ body, n: 2 })),
  ],
  // Past the deadline too: what has finished unseen is fetched as long as there is hope to see it again.
  'poll.5xx': [
    { args: { n: 30 }, job: LATE, ends: succeeded() },
    { args: FOREVER, job: LATE, script: NEVER_DONE, ends: failed('throttled_timeout', { upstream: 'CANCELLED' }) },
  ],
  'poll.401_midway': [
    { args: FOREVER, job: LATE_RUNNING, script: NEVER_DONE, ends: failed('run_timeout', { upstream: 'CANCELLED' }) },
  ],
} satisfies Partial<Record<FaultOf<'poll'>, FaultCase[]>>

faultSuite(
  '35, 36, 39 looks that are limited (I1, I2)',
  { simulator: { clock: { speed: 1000 }, runway: { concurrency: null } }, env: { SPEED: '1000' } },
  LIMITS,
)

everyFaultHasACase('poll', [LOOKS, LIMITS])
