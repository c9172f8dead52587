import { GONE, type JobRecord, jobSign } from '@genqueue/jobs'
import { expect, test } from 'vitest'
import { ID, QUEUED } from './job-record-fixture.ts'
import { JobWatches } from './job-watches.ts'
import { EndWaits, preferredWait, prefersAsync } from './wait-for-end.ts'

const ENDED: JobRecord = { ...QUEUED, status: 'canceled' }

/** A job that has ended once it was told to; the word of it is passed on only while somebody hears. */
function openWorld({ isHearing = true } = {}) {
  let record: JobRecord | undefined = QUEUED
  let reads = 0
  const watches = new JobWatches({
    async get() {
      reads += 1
      const seen = record
      await Promise.resolve()
      return seen
    },
    signs: async (ids) => ids.map(() => (record ? jobSign(record) : GONE)),
    sweepMs: 200,
  })
  return {
    waits: new EndWaits({ watches }),
    watches,
    reads: () => reads,
    become(as: JobRecord | undefined) {
      record = as
      if (isHearing) watches.heard(ID)
    },
  }
}
const none: AbortSignal[] = []

test('an end that comes while the record is on its way is not missed', async () => {
  const world = openWorld()
  const waiting = world.waits.wait(ID, { timeoutMs: 3_000, signals: none })
  world.become(ENDED)
  expect(await waiting).toBe(ENDED)
  expect(world.reads()).toBe(2)
  expect(world.watches.size).toBe(0)
})

test('where nothing is heard, the record is read now and then', async () => {
  const world = openWorld({ isHearing: false })
  const waiting = world.waits.wait(ID, { timeoutMs: 3_000, signals: none })
  world.become(ENDED)
  expect(await waiting).toBe(ENDED)
})

test('a signal, the time and the removal of the job end the wait', async () => {
  const world = openWorld()
  const leaving = new AbortController()
  const waiting = world.waits.wait(ID, { timeoutMs: 60_000, signals: [leaving.signal] })
  leaving.abort()
  expect(await waiting).toBe(QUEUED)
  expect(await world.waits.wait(ID, { timeoutMs: 1, signals: none })).toBe(QUEUED)
  const removed = world.waits.wait(ID, { timeoutMs: 60_000, signals: none })
  world.become(undefined)
  expect(await removed).toBe(QUEUED)
  expect(world.watches.size).toBe(0)
})

test('more requests than may wait are not kept, and make room again', async () => {
  const world = openWorld()
  const leaving = new AbortController()
  const all = Array.from({ length: 2_000 }, () =>
    world.waits.wait(ID, { timeoutMs: 60_000, signals: [leaving.signal] }),
  )
  expect(world.waits.isFull).toBe(true)
  expect(await world.waits.wait(ID, { timeoutMs: 60_000, signals: none })).toBeUndefined()
  leaving.abort()
  await Promise.all(all)
  expect(world.waits.isFull).toBe(false)
})

test('what a caller prefers is read as the RFC writes it', () => {
  for (const prefer of ['respond-async', 'Respond-Async, wait=5', 'wait=5;respond-async']) {
    expect(prefersAsync(prefer)).toBe(true)
  }
  for (const prefer of [null, '', 'wait=5', 'respond-asynchronously', 'x-respond-async']) {
    expect(prefersAsync(prefer)).toBe(false)
  }
  expect([preferredWait('wait=5'), preferredWait('wait=600'), preferredWait('wait=0'), preferredWait(null)]).toEqual([
    5,
    60,
    undefined,
    undefined,
  ])
})
