import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CrashPoint } from './crash-worker.ts'
import { type House, openHouse } from './house.ts'
import { startWorkerProcess } from './worker-process.ts'

/** Workers that die one after the other, each at its own point: `SEEDS=200` for a run that takes a quarter of an hour. */
const SEEDS = Number(process.env.SEEDS ?? 3)
const FIRST_SEED = Number(process.env.FIRST_SEED ?? 1)
const JOBS_PER_WORKER = 3
const LIVES_AT_MOST_MS = 4_000
/** Before and after each of: the terminal step, the claim, the call, the record. */
const POINTS: readonly CrashPoint[] = [
  'after claim',
  'after webhook',
  'before claim',
  'before record',
  'before end',
  'after record',
  'after end',
]

let house: House
beforeAll(async () => {
  house = await openHouse({
    workers: 0,
    env: {
      LOCK_DURATION_MS: '1000',
      STALLED_INTERVAL_MS: '400',
      SUBMIT_TIMEOUT_MS: '500',
      WEBHOOK_TIMEOUT_MS: '500',
      RECONCILE_AFTER_MS: '3000',
      RECONCILE_INTERVAL_MS: '500',
    },
  })
})
afterAll(() => house.close())

test(
  `kill -9 around the end of a job and its webhook, ${SEEDS} times: each comes at least once, with one id and the same bytes`,
  async () => {
    const ids: string[] = []
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
      const point = POINTS[seed % POINTS.length]
      const victim = await startWorkerProcess(house.env, point, Math.floor(seed / POINTS.length) % 3)
      const posts = Array.from({ length: JOBS_PER_WORKER }, (_, n) => house.post({ prompt: `seed ${seed}, job ${n}` }))
      ids.push(...(await Promise.all(posts)).map(({ id }) => id))
      // With a point it does not come to often enough, it dies anywhere.
      const timer = setTimeout(() => victim.child.kill('SIGKILL'), LIVES_AT_MOST_MS)
      expect(await victim.exited).toMatchObject({ signal: 'SIGKILL' })
      clearTimeout(timer)
    }
    await house.addWorker()
    for (const id of ids) {
      const job = await house.ended(id, 25_000)
      // Proves id, bytes and signature of every attempt.
      expect((await house.webhook(id)).data).toEqual(job)
    }
    house.assertHonest()
  },
  60_000 + SEEDS * 10_000,
)
