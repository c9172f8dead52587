import { faultScript, mergeScripts } from '@genqueue/simulator'
import { expect, test } from 'vitest'
import { each, everyFaultHasACase, type FaultCase, type FaultOf, failed, faultSuite, succeeded } from './fault-table.ts'

const MB = 1024 * 1024
const FOREVER = { n: 'forever' }
/** The file arrives whole all the same. */
const heals = (args: FaultCase['args'] = {}): FaultCase => ({ args, ends: succeeded({ upstream: 'SUCCEEDED' }) })
/** It never arrives; whether asking anew can help stands beside the code. */
const ends = (code: Parameters<typeof failed>[0], args: FaultCase['args'], retryable = true): FaultCase => ({
  args,
  ends: failed(code, { error: { retryable }, shows: { cost: { amount: 60, unit: 'credits', final: true } } }),
})
const ofSize = (size: number) => faultScript('dl.ok', { size })

const DOWNLOADS = {
  'dl.ok': [
    ...each(['video/mp4', 'image/png', 'image/jpeg', 'audio/wav', 'application/zip'], (type) => ({
      args: { type },
      ends: succeeded({ outputs: [type] }),
    })),
    ...each([1, 6], (megabytes) => heals({ size: megabytes * MB })),
    ends('output_too_large', { size: 8 * MB }, false),
  ],
  'dl.expired_401': [heals(), ends('output_expired', FOREVER)],
  'dl.expired_403': [heals(), ends('output_expired', { n: 2 })],
  'dl.404': [heals(), ends('output_expired', FOREVER)],
  'dl.5xx': each([502, 503, 504], (status) => heals({ status, n: 3 })),
  'dl.429': each(['absent', '2', 'huge'], (retryAfter) => heals({ retryAfter, n: 2 })),
  'dl.zero_bytes': [heals(), heals({ n: 4 }), ends('empty_output', FOREVER)],
  'dl.truncated': [heals(), { args: { n: 2 }, script: ofSize(6 * MB), ends: succeeded() }],
  'dl.no_content_length': [
    heals(),
    { script: ofSize(6 * MB), ends: succeeded() },
    // Nobody says how long it will be: the limit is met while it flows.
    { script: ofSize(8 * MB), ends: failed('output_too_large', { error: { retryable: false } }) },
  ],
  'dl.wrong_type': [
    heals({ type: 'html' }),
    ends('output_invalid', { type: 'html', ...FOREVER }),
    heals({ type: 'octet-stream', ...FOREVER }),
  ],
  'dl.huge': [ends('output_invalid', {})],
  'dl.slow': [heals(), heals({ bytesPerSecond: 10 })],
  'dl.stall_midway': [heals(), { script: ofSize(6 * MB), ends: succeeded() }],
  'dl.range_unsupported': [heals()],
  'dl.range_ok': [heals()],
  'dl.etag_changes_between_ranges': [heals()],
  'dl.redirect': [
    ...each([301, 302, 303, 307, 308], (status) => heals({ status, to: 'same' })),
    ...each(['other', 'metadata', 'http'], (to) => ends('output_unavailable', { to, ...FOREVER })),
    ends('output_unavailable', { to: 'same', ...FOREVER }),
  ],
  'dl.gzip_encoded': [ends('output_invalid', {})],
  'dl.auth_leak_check': [heals()],
  'dl.url_host_private': each(['10.0.0.1', '169.254.169.254', '[::1]', '[fd00::1]:443'], (host) =>
    ends('output_unavailable', { host }),
  ),
  'dl.non_ascii_filename': [heals(), heals({ name: '💥 " <x> %zz &amp;' })],
} satisfies Partial<Record<FaultOf<'dl'>, FaultCase[]>>

faultSuite(
  '40 to 42 downloads of an output (I1, I4)',
  {
    simulator: { runway: { concurrency: null } },
    env: { COPY_TIMEOUT_MS: '3000', MAX_OUTPUT_BYTES: String(7 * MB) },
  },
  DOWNLOADS,
  (house) => {
    test('of several outputs, those that arrived are kept when one of them never does', async () => {
      const { runway, store } = house().simulator
      const scripts = [faultScript('poll.succeeded_multi'), faultScript('dl.404', { ...FOREVER, index: 1 })]
      runway.script({ ...mergeScripts(scripts), match: { promptIncludes: 'in part' } })
      const { id } = await house().post({ prompt: 'in part' })
      const job = await house().ended(id)
      expect(job).toMatchObject({ status: 'failed', error: { code: 'output_expired' } })
      expect(job.outputs.map(({ index }) => index)).toEqual([0, 2])
      expect(store.objects().filter(({ key }) => key.includes(`/${id}/`))).toHaveLength(2)
      expect((await house().webhook(id)).data).toEqual(job)
    })

    test('no more than the start of what is no media is ever read', () => {
      const cut = house()
        .simulator.journal()
        .filter(({ host, fate }) => host === 'assets' && fate === 'client_closed')
      expect(cut.length).toBeGreaterThan(0)
    })
  },
)

/** An outage that outlasts our patience; all of it lasts half a second here. */
const OUTAGES = {
  'dl.5xx': [ends('output_unavailable', FOREVER)],
  'dl.429': [ends('output_unavailable', FOREVER)],
  'dl.truncated': [ends('output_unavailable', FOREVER)],
  'dl.stall_midway': [ends('output_unavailable', FOREVER)],
  'dl.slow': [ends('output_unavailable', { bytesPerSecond: 10, ...FOREVER })],
} satisfies Partial<Record<FaultOf<'dl'>, FaultCase[]>>

faultSuite(
  '40 to 42 a host that stays away (I1, I4)',
  {
    simulator: { runway: { concurrency: null } },
    env: { COPY_TIMEOUT_MS: '300', COPY_DEADLINE_MS: '500' },
  },
  OUTAGES,
)

everyFaultHasACase('dl', [DOWNLOADS, OUTAGES])
