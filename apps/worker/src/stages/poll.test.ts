import { jobError } from '@genqueue/contract'
import type { LeasedTask } from '@genqueue/jobs'
import type { PollOutcome } from '@genqueue/providers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RUNWAY_PACE } from '../pace.ts'
import { decidePoll, isOverdue } from './poll.ts'

const SUBMITTED_AT_MS = 1_000_000
const DEADLINES = { throttledMs: 3_600_000, runningMs: 600_000 }
const BLIND_GRACE_MS = 60_000

const task = (parts: Partial<LeasedTask> = {}): LeasedTask => ({
  id: 'job_1',
  team: 'default',
  lease: '1',
  taskId: 'task-1',
  providerKeyId: 'key-1',
  submittedAtMs: SUBMITTED_AT_MS,
  sentAtMs: SUBMITTED_AT_MS,
  runningSinceMs: undefined,
  progress: 0,
  polls: 0,
  pollErrors: 0,
  misses: 0,
  upstreamStatus: 'ACCEPTED',
  cancelRequested: false,
  deadlines: DEADLINES,
  ...parts,
})
const at = (ageMs: number, random = 0) => ({
  pace: RUNWAY_PACE,
  nowMs: SUBMITTED_AT_MS + ageMs,
  ageMs,
  blindGraceMs: BLIND_GRACE_MS,
  random,
})

const phase = fc.constantFrom('queued' as const, 'throttled' as const, 'running' as const)
const waiting: fc.Arbitrary<PollOutcome> = fc.record(
  {
    kind: fc.constant('waiting' as const),
    phase,
    upstreamStatus: fc.string(),
    progress: fc.double({ min: 0, max: 1, noNaN: true }),
  },
  { requiredKeys: ['kind', 'phase', 'upstreamStatus'] },
)
const failedLook: fc.Arbitrary<PollOutcome> = fc.record(
  {
    kind: fc.constant('error' as const),
    reason: fc.constantFrom('rate_limited' as const, 'auth' as const, 'unavailable' as const, 'protocol' as const),
    detail: fc.string(),
    retryAfterMs: fc.integer({ min: 1_000, max: 900_000 }),
  },
  { requiredKeys: ['kind', 'reason', 'detail'] },
)
const missing: fc.Arbitrary<PollOutcome> = fc.constant({ kind: 'missing' })
const terminal: fc.Arbitrary<PollOutcome> = fc.constantFrom<PollOutcome>(
  { kind: 'succeeded', upstreamStatus: 'SUCCEEDED', urls: ['https://cdn.example.com/a.mp4'] },
  { kind: 'failed', upstreamStatus: 'FAILED', error: jobError('provider_failed') },
  { kind: 'canceled', upstreamStatus: 'CANCELLED' },
)
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const look = fc.record({ outcome: fc.oneof(waiting, failedLook, missing, terminal), afterMs: fc.nat(120_000), random })

describe('one look after another', () => {
  test('the first terminal answer ends it, progress never falls, and no look comes sooner than the vendor asks', () => {
    fc.assert(
      fc.property(fc.array(look, { maxLength: 40 }), (looks) => {
        let current = task()
        let ageMs = 0
        for (const { outcome, afterMs, random: dice } of looks) {
          const decision = decidePoll(current, outcome, at(ageMs, dice))
          const isTerminal = ['succeeded', 'failed', 'canceled'].includes(outcome.kind)
          if (isTerminal) expect(decision.kind).not.toBe('again')
          if (outcome.kind === 'succeeded') expect(decision.kind).toBe('generated')
          if (decision.kind !== 'again') return
          expect(decision.delayMs).toBeGreaterThanOrEqual(RUNWAY_PACE.minMs)
          const { learned } = decision
          expect(learned.polls).toBe(current.polls + 1)
          if (learned.progress !== undefined) expect(learned.progress).toBeGreaterThanOrEqual(current.progress)
          // Once seen running, that clock runs on, whatever the status flaps to.
          if (current.runningSinceMs !== undefined && outcome.kind === 'waiting') {
            expect(learned.runningSinceMs).toBe(current.runningSinceMs)
          }
          current = {
            ...current,
            polls: learned.polls ?? current.polls,
            pollErrors: learned.pollErrors ?? current.pollErrors,
            misses: learned.misses ?? current.misses,
            progress: learned.progress ?? current.progress,
            runningSinceMs: learned.runningSinceMs ?? current.runningSinceMs,
          }
          ageMs += decision.delayMs + afterMs
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('deadlines', () => {
  const before = fc.integer({ min: 0, max: DEADLINES.throttledMs })

  test('failed looks never end a job before them, and wait as long as they are told', () => {
    fc.assert(
      fc.property(fc.array(failedLook, { minLength: 1, maxLength: 20 }), before, random, (outcomes, ageMs, dice) => {
        let pollErrors = 0
        for (const outcome of outcomes) {
          const decision = decidePoll(task({ pollErrors }), outcome, at(ageMs, dice))
          if (decision.kind !== 'again') throw new Error(`ended by a failed look: ${JSON.stringify(decision)}`)
          const askedMs = outcome.kind === 'error' ? (outcome.retryAfterMs ?? 0) : 0
          expect(decision.delayMs).toBeGreaterThanOrEqual(Math.max(RUNWAY_PACE.minMs, askedMs))
          expect(decision.learned.pollErrors).toBe(pollErrors + 1)
          pollErrors += 1
        }
      }),
    )
  })

  test('past them a task that is seen waiting is stopped at the vendor, under the code of its clock', () => {
    fc.assert(
      fc.property(waiting, fc.integer({ min: 1, max: 1e9 }), fc.boolean(), (outcome, lateMs, wasRunning) => {
        const runningSinceMs = wasRunning ? SUBMITTED_AT_MS : undefined
        const ageMs = (wasRunning ? DEADLINES.runningMs : DEADLINES.throttledMs) + lateMs
        const decision = decidePoll(task({ runningSinceMs }), outcome, at(ageMs))
        // Seen running for the first time now, it has all of its running time before it.
        if (!wasRunning && outcome.kind === 'waiting' && outcome.phase === 'running') {
          expect(decision.kind).toBe('again')
          return
        }
        const code = wasRunning ? 'run_timeout' : 'throttled_timeout'
        expect(decision).toMatchObject({ kind: 'end', cancelFirst: true, ended: { status: 'failed', error: { code } } })
        expect(isOverdue(task({ runningSinceMs }), at(ageMs).nowMs)).toBe(true)
      }),
    )
  })

  test('past them a task that cannot be seen is given its grace, because it may have finished', () => {
    fc.assert(
      fc.property(failedLook, fc.integer({ min: 1, max: 2 * BLIND_GRACE_MS }), (outcome, lateMs) => {
        const decision = decidePoll(task(), outcome, at(DEADLINES.throttledMs + lateMs))
        expect(decision.kind).toBe(lateMs > BLIND_GRACE_MS ? 'end' : 'again')
      }),
    )
  })

  test('past them a job that was asked to end is canceled, not failed', () => {
    const outcome: PollOutcome = { kind: 'error', reason: 'auth', detail: '' }
    const decision = decidePoll(
      task({ cancelRequested: true }),
      outcome,
      at(DEADLINES.throttledMs + 2 * BLIND_GRACE_MS),
    )
    expect(decision).toMatchObject({ kind: 'end', ended: { status: 'canceled' } })
  })
})

describe('a task that is not found', () => {
  test('is waited for while it is young, and lost after three looks in a row later', () => {
    fc.assert(
      fc.property(fc.nat(RUNWAY_PACE.missingGraceMs - 1), fc.nat(10), (ageMs, misses) => {
        const decision = decidePoll(task({ misses: Math.min(misses, 2) }), { kind: 'missing' }, at(ageMs))
        expect(decision).toMatchObject({ kind: 'again', learned: { misses: 0 } })
      }),
    )
    const later = at(RUNWAY_PACE.missingGraceMs)
    const kinds = [0, 1, 2].map((misses) => decidePoll(task({ misses }), { kind: 'missing' }, later).kind)
    expect(kinds).toEqual(['again', 'again', 'end'])
    expect(decidePoll(task({ misses: 2 }), { kind: 'missing' }, later)).toMatchObject({
      ended: { status: 'failed', error: { code: 'provider_lost' } },
      cancelFirst: false,
    })
  })

  test('is not lost by looks that failed in between', () => {
    const error: PollOutcome = { kind: 'error', reason: 'unavailable', detail: '' }
    expect(decidePoll(task({ misses: 2 }), error, at(120_000))).toMatchObject({
      kind: 'again',
      learned: { pollErrors: 1 },
    })
  })
})

test('canceled at the vendor is canceled for whoever asked, and a failure for everybody else', () => {
  const outcome: PollOutcome = { kind: 'canceled', upstreamStatus: 'CANCELLED' }
  expect(decidePoll(task({ cancelRequested: true }), outcome, at(0))).toMatchObject({ ended: { status: 'canceled' } })
  expect(decidePoll(task(), outcome, at(0))).toMatchObject({
    ended: { status: 'failed', error: { code: 'provider_failed', providerCode: 'CANCELLED' } },
  })
})
