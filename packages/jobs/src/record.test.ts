import { Cost, JobErrorCode, JobKind, type JobStatus } from '@genqueue/contract'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { newJobId } from './job-id.ts'
import { jobResource } from './job-resource.ts'
import { type Looks, NO_LOOKS } from './looks.ts'
import { decodeRecord, encodeFields, JobRecord } from './record.ts'

const text = fc.string({ maxLength: 50 })
const ms = fc.integer({ min: 1, max: 2_000_000_000_000 })
const cost = fc.record({
  amount: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
  unit: fc.constantFrom(...Cost.shape.unit.options),
})
const output = fc.record({
  index: fc.nat(9),
  key: text,
  bytes: fc.integer({ min: 1 }),
  sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
  contentType: text,
})
const error = fc.record({ code: fc.constantFrom(...JobErrorCode.options), message: text, retryable: fc.boolean() })
const metadata = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 64 }).filter((key) => key !== '__proto__'),
  text,
  { maxKeys: 16 },
)
const common = {
  team: text,
  provider: fc.constantFrom('runway', 'runware'),
  operation: text,
  kind: fc.constantFrom(...JobKind.options),
  door: fc.constantFrom('videos', 'jobs'),
  request: fc.record({
    body: fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      fc.oneof(text, fc.integer(), fc.boolean()),
    ),
    display: fc.record({ prompt: text }, { requiredKeys: [] }),
    metadata,
    onSubmissionUnknown: fc.constantFrom('fail', 'resubmit'),
    deadlines: fc.record({ queueMs: ms, throttledMs: ms, runningMs: ms }),
    retentionMs: ms,
    inputs: fc.constant([]),
  }),
  clientRef: fc.uuid(),
  fence: fc.nat(99),
  submits: fc.nat(9),
  unknownSubmits: fc.nat(1),
  estimatedCost: cost,
  hold: fc.record({
    microUsd: fc.nat(),
    milliCredits: fc.nat(),
    creditUsd: fc.double({ min: 0.001, max: 10, noNaN: true }),
    apiKeyId: text,
  }),
}
const upstream = {
  providerKeyId: text,
  taskId: text,
  upstreamStatus: text,
  progress: fc.double({ min: 0, max: 1, noNaN: true }),
  polls: fc.nat(999),
  pollErrors: fc.nat(9),
  misses: fc.nat(3),
  runningSinceMs: ms,
}
const FIELDS: Record<JobStatus, Record<string, fc.Arbitrary<unknown>>> = {
  queued: {},
  submitting: { providerKeyId: text },
  ambiguous: { providerKeyId: text },
  submitted: upstream,
  generated: { ...upstream, sources: fc.array(fc.webUrl()), cost },
  succeeded: { ...upstream, outputs: fc.array(output, { maxLength: 3 }), cost },
  failed: { error, outputs: fc.array(output, { maxLength: 3 }) },
  canceled: {},
}

test('a record is read back as it was written, in every status, and can be shown', () => {
  const records = fc.constantFrom(...(Object.keys(FIELDS) as JobStatus[])).chain((status) =>
    fc.record({
      status: fc.constant(status),
      times: fc.record({ queued: ms, [status]: ms }),
      ...common,
      ...FIELDS[status],
    }),
  )
  fc.assert(
    fc.property(records, (fields) => {
      const record = JobRecord.parse({ ...fields, id: newJobId(Date.now()) })
      const { id, times, ...parts } = record
      const looks = 'polls' in parts ? { looks: { ...NO_LOOKS, ...(parts as Looks) } } : {} // all of them or none
      const pairs = [
        ...encodeFields({ ...parts, ...looks }),
        ...Object.entries(times).flatMap(([status, at]) => [`at:${status}`, String(at)]),
      ]
      const hash = Object.fromEntries(
        Array.from({ length: pairs.length / 2 }, (_, n) => [pairs[2 * n], pairs[2 * n + 1]]),
      )
      expect(decodeRecord(id, hash)).toEqual(record)
      const shown = JSON.stringify(jobResource(record, 'https://q.example'))
      expect(JSON.parse(shown)).toMatchObject({ id, status: record.status })
      // Redis tells the fields of a hash in any order.
      const turned = decodeRecord(id, Object.fromEntries(Object.entries<string>(hash).toReversed()))
      expect(turned && JSON.stringify(jobResource(turned, 'https://q.example'))).toBe(shown)
    }),
  )
})

test('a hash that is no record is refused, and an empty one is no job', () => {
  expect(decodeRecord('job_0', {})).toBeUndefined()
  expect(() => decodeRecord('job_0', { status: 'succeeded' })).toThrow()
})
