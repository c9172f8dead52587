import type { LeasedTask } from '@genqueue/jobs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pollBatches } from './poll-batches.ts'

const tasks = fc.array(
  fc.record({ providerKeyId: fc.constantFrom('key-1', 'key-2'), pollErrors: fc.nat(4) }).map(
    (parts): LeasedTask => ({
      ...parts,
      id: 'job_1',
      team: 'default',
      lease: '1',
      taskId: 'task-1',
      submittedAtMs: 0,
      sentAtMs: 0,
      runningSinceMs: undefined,
      progress: 0,
      polls: 0,
      misses: 0,
      upstreamStatus: 'ACCEPTED',
      cancelRequested: false,
      deadlines: { throttledMs: 1, runningMs: 1 },
    }),
  ),
  { maxLength: 200 },
)

test('every task is in one request, with others of its key, and what failed before is kept from the rest', () => {
  fc.assert(
    fc.property(tasks, fc.constantFrom(1, 20), (leased, maxSize) => {
      const batches = pollBatches(leased, maxSize)
      expect(new Set(batches.flatMap((batch) => batch.tasks))).toEqual(new Set(leased))
      expect(batches.reduce((sum, batch) => sum + batch.tasks.length, 0)).toBe(leased.length)
      for (const { keyId, tasks, isSuspect } of batches) {
        expect(tasks.every(({ providerKeyId }) => providerKeyId === keyId)).toBe(true)
        const worst = Math.max(...tasks.map(({ pollErrors }) => pollErrors))
        const best = Math.min(...tasks.map(({ pollErrors }) => pollErrors))
        expect(Math.min(2, worst)).toBe(Math.min(2, best))
        expect(isSuspect).toBe(worst > 1)
        expect(tasks.length).toBeLessThanOrEqual(worst === 0 ? maxSize : worst === 1 ? Math.min(5, maxSize) : 1)
      }
    }),
  )
})

test('twenty tasks of one key that never failed are one request', () => {
  const [task] = fc
    .sample(
      tasks.filter((some) => some.length > 0),
      1,
    )
    .flat()
  if (!task) throw new Error('no task')
  const healthy = Array.from({ length: 45 }, (_, n) => ({ ...task, id: `job_${n}`, pollErrors: 0 }))
  expect(pollBatches(healthy, 20).map((batch) => batch.tasks.length)).toEqual([20, 20, 5])
})
