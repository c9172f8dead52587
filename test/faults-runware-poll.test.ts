import { runwareFaultScript } from '@genqueue/simulator'
import { expect, test } from 'vitest'
import {
  everyRunwareFaultHasACase,
  fails,
  type RunwareCase,
  type RunwareFaultOf,
  runwareFaultSuite,
  succeeds,
} from './runware-fault-table.ts'

const MB = 1024 * 1024
const FOREVER = { n: 'forever' }
const each = <T>(values: readonly T[], make: (value: T) => RunwareCase) => values.map(make)
const survives = (args: RunwareCase['args'] = {}): RunwareCase => ({ args, ends: succeeds() })
const failure = (code: string, ours: Parameters<typeof fails>[0]): RunwareCase => ({
  args: { code },
  ends: fails(ours, { shows: { error: { code: ours, provider_code: code } } }),
})
const LATE = { runningMs: 1_000, throttledMs: 1_000 }
const BOTH = ['video', 'image'] as const

const LOOKS = {
  'poll.progress': [survives(), survives({ list: '90,missing,10,150,-1' })],
  'poll.status_flap': [survives()],
  'poll.unknown_status': [
    survives({ status: 'FOO', n: 2 }),
    { args: { status: 'FOO', ...FOREVER }, deadlines: LATE, ends: fails('run_timeout', { charges: 1 }) },
  ],
  'poll.status_lowercase': [survives()],
  'poll.canceled_spelling': each(['canceled', 'cancelled'], (status) => ({
    args: { status },
    ends: fails('provider_failed'),
  })),
  'poll.5xx': [
    ...[502, 503, 504].flatMap((status) => each([1, 3], (n) => survives({ status, n }))),
    { args: { n: 12 }, deadlines: LATE, ends: succeeds() },
  ],
  'poll.hang': [survives({ n: 2 })],
  'poll.drop': [survives({ n: 3 })],
  'poll.html': [survives({ n: 3 })],
  'poll.truncated': each(['json', 'socket'], (how) => survives({ how, n: 2 })),
  'poll.401_midway': [survives({ n: 2 })],
  'poll.stuck': [{ deadlines: LATE, ends: fails('run_timeout') }],
  'poll.cost': [
    { args: { cost: 0 }, ways: BOTH, ends: succeeds({ shows: { cost: { amount: 0, unit: 'usd', final: true } } }) },
    {
      args: { cost: 1.25 },
      ways: BOTH,
      ends: succeeds({ shows: { cost: { amount: 1.25, unit: 'usd', final: true } } }),
    },
    { args: { cost: 'missing' }, ways: BOTH, ends: succeeds({ shows: { cost: null } }) },
  ],
  'poll.terminal_flip': [survives({ n: 3 })],
  'poll.empty_data': [survives({ n: 3 })],
  'poll.pending_word': [survives({ n: 3 })],
  'poll.item_error': each(['providerError', 'timeoutProvider'], (code) => failure(code, 'provider_failed')),
  'poll.errors_array': [
    failure('providerError', 'provider_failed'),
    // With status 500 it may be anything; the repeat and the look after it tell.
    {
      args: { code: 'providerError' },
      ways: ['image'],
      ends: fails('provider_failed', { requests: 'several' }),
    },
    { ...failure('invalidProviderContent', 'moderation'), ways: BOTH },
  ],
  'poll.partial': each(['errors', 'item'], (encoding) => ({
    args: { ok: 2, failed: 1, encoding, lateMs: 3_000 },
    ways: BOTH,
    input: { numberResults: 4 },
    ends: succeeds({ outputs: 3, shows: { failures: [expect.objectContaining({ code: 'provider_failed' })] } }),
  })),
  'poll.success_no_asset': [{ ways: BOTH, ends: fails('empty_output', { charges: 1 }) }],
  'poll.success_nsfw': each([true, false], (url) => ({
    args: { url },
    ways: BOTH,
    ends: fails('moderation', { charges: 1 }),
  })),
  'poll.missing_status_with_asset': [{ ...survives(), ways: BOTH }],
  // What getResponse has forgotten, the details still know.
  'poll.taskNotFound': [survives()],
  'poll.taskExpired': [survives()],
  'poll.bigint_seed': [
    { ways: BOTH, ends: succeeds({ shows: { outputs: [expect.objectContaining({ seed: '9223372036854775807' })] } }) },
  ],
  'poll.param_array': [failure('missingDimensionParameters', 'invalid_input')],
  'poll.foreign_uuid': [survives()],
  'poll.wrong_task_type': [{ ...survives(), ways: BOTH }],
  'poll.duplicate_items': [{ ...survives({ n: 3 }), ways: BOTH }],
} satisfies Partial<Record<RunwareFaultOf<'poll'>, RunwareCase[]>>

runwareFaultSuite('35, 37 to 39 looks at a task (I1, I2)', {}, LOOKS, ['video'], (house) => {
  test('what has finished but was lost by getResponse and by the details ends as provider_lost', async () => {
    const { runware } = house().simulator
    runware.script({ forgotten: 'everything', match: { promptIncludes: 'lost for good' } })
    const { id } = await house().postRunware({ prompt: 'lost for good' })
    expect((await house().ended(id)).error).toMatchObject({ code: 'provider_lost', retryable: true })
  })
})

const LIMITS = {
  'poll.429': [
    ...each(['absent', '2', '90', 'garbage', 'huge'], (retryAfter) => survives({ retryAfter })),
    survives({ n: 3 }),
  ],
  'poll.5xx': [{ args: FOREVER, deadlines: LATE, ends: fails('throttled_timeout', { charges: 1 }) }],
} satisfies Partial<Record<RunwareFaultOf<'poll'>, RunwareCase[]>>

runwareFaultSuite(
  '35, 36 looks that are limited (I1, I2)',
  { simulator: { clock: { speed: 1000 }, runware: { retentionMs: 1e9 } }, env: { SPEED: '1000' } },
  LIMITS,
  ['video'],
)

everyRunwareFaultHasACase('poll', [LOOKS, LIMITS])

const heals = survives
const ends = (code: Parameters<typeof fails>[0], args: RunwareCase['args']): RunwareCase => ({
  args,
  ends: fails(code, { charges: 1 }),
})
const DOWNLOADS = {
  'dl.ok': [heals({ size: 6 * MB }), ends('output_too_large', { size: 8 * MB })],
  'dl.expired_401': [ends('output_expired', FOREVER)],
  'dl.expired_403': [ends('output_expired', FOREVER)],
  'dl.404': [heals(), ends('output_expired', FOREVER)],
  'dl.5xx': [heals({ n: 3 })],
  'dl.429': [heals({ retryAfter: 'huge', n: 2 })],
  'dl.zero_bytes': [heals(), heals({ n: 4 }), ends('empty_output', FOREVER)],
  'dl.truncated': [heals()],
  'dl.no_content_length': [heals()],
  'dl.wrong_type': [heals({ type: 'html' }), ends('output_invalid', { type: 'html', ...FOREVER })],
  'dl.huge': [ends('output_invalid', {})],
  'dl.slow': [heals()],
  'dl.stall_midway': [heals()],
  'dl.range_unsupported': [heals()],
  'dl.range_ok': [heals()],
  'dl.etag_changes_between_ranges': [heals()],
  'dl.redirect': [heals({ to: 'same' }), ends('output_unavailable', { to: 'metadata', ...FOREVER })],
  'dl.gzip_encoded': [ends('output_invalid', {})],
  'dl.auth_leak_check': [heals()],
  'dl.url_host_private': [ends('output_unavailable', { host: '169.254.169.254' })],
  'dl.non_ascii_filename': [heals()],
} satisfies Partial<Record<RunwareFaultOf<'dl'>, RunwareCase[]>>

runwareFaultSuite(
  '40 to 42 downloads of an output (I1, I4)',
  { env: { COPY_TIMEOUT_MS: '3000', MAX_OUTPUT_BYTES: String(7 * MB) } },
  DOWNLOADS,
  ['video', 'image'],
  (house) => {
    test('of several outputs, those that arrived are kept when one of them never does', async () => {
      const { runware } = house().simulator
      const script = runwareFaultScript('dl.404', { ...FOREVER, index: 1 })
      runware.script({ ...script, match: { promptIncludes: 'in part' } })
      const input = { model: 'runware:101@1', width: 512, height: 512, numberResults: 3, positivePrompt: 'in part' }
      const { id } = await house().postRunware({ operation: 'imageInference', input })
      const job = await house().ended(id)
      expect(job).toMatchObject({ status: 'failed', error: { code: 'output_expired' } })
      expect(job.outputs.map(({ index }) => index)).toEqual([0, 2])
      expect((await house().webhook(id)).data).toEqual(job)
    })
  },
)

everyRunwareFaultHasACase('dl', [DOWNLOADS])
