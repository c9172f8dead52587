import type { LeasedTask } from '@genqueue/jobs'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { progressTeller } from './progress-teller.ts'

const TASK: LeasedTask = {
  id: 'job_1',
  team: 'asking',
  lease: '1.5',
  taskId: 'task-1',
  providerKeyId: 'key-1',
  submittedAtMs: 0,
  sentAtMs: 0,
  cancelRequested: false,
  deadlines: { throttledMs: 1, runningMs: 1 },
  polls: 4,
  pollErrors: 0,
  misses: 0,
  progress: 0.5,
  runningSinceMs: 1,
  upstreamStatus: 'RUNNING',
}

test('a look is told when it is news and somebody asked; the team is asked about only then, and a failure is no harm', async () => {
  const told: number[] = []
  const askedAbout: string[] = []
  const tell = progressTeller({
    jobs: {
      async tellProgress(_task, { polls }) {
        if (polls === 9) throw new Error('Redis is away')
        told.push(polls)
      },
    },
    async isAskedBy(team) {
      askedAbout.push(team)
      return team === 'asking'
    },
    everyMs: 10_000,
    log: pino({ level: 'silent' }),
    now: () => 20_000,
  })
  const seen = (polls: number, progress: number, parts: Partial<LeasedTask> = {}) =>
    tell({ ...TASK, ...parts }, { polls, progress })
  await seen(5, 0.6)
  await seen(5, 0.6, { team: 'other' })
  expect([told, askedAbout]).toEqual([[5], ['asking', 'other']])
  await seen(6, 0.6, { told: '5,9999,50,RUNNING' })
  await seen(7, 0.6, { told: '5,10001,50,RUNNING' })
  await seen(8, 0.6, { told: '5,0,60,RUNNING' })
  await seen(9, 0.6, { told: '5,0,50,RUNNING' })
  expect([told, askedAbout]).toEqual([
    [5, 6],
    ['asking', 'other'],
  ])
})
