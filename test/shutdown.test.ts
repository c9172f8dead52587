import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { type House, openHouse } from './house.ts'
import { startWorkerProcess } from './worker-process.ts'

let house: House
afterEach(() => house.close())

test('19 SIGTERM under load: exit 0, nothing lost, nothing claimed after the signal (I1, I10)', async () => {
  house = await openHouse({ workers: 0, simulator: { runway: { concurrency: null } } })
  house.simulator.runway.latency({ minMs: 20_000, maxMs: 20_000, seed: 'slow' })
  const first = await startWorkerProcess({ ...house.env, SUBMIT_CONCURRENCY: '4' })
  const ids = (await Promise.all(Array.from({ length: 60 }, (_, n) => house.post({ prompt: `load ${n}` })))).map(
    ({ id }) => id,
  )
  const creates = () =>
    Object.values(house.simulator.runway.ledger().markers).reduce((sum, { requests }) => sum + requests, 0)
  await expect.poll(creates, { interval: 5, timeout: 10_000 }).toBeGreaterThan(8)
  const draining = once(first.child, 'message')
  first.child.kill('SIGTERM')
  await draining
  const atSignal = creates()
  expect(await first.exited).toEqual({ code: 0, signal: null })
  // What was on its way into a socket when the signal came may still be sent: four at most.
  expect(creates() - atSignal).toBeLessThanOrEqual(4)
  const states = await Promise.all(ids.map(house.get))
  expect(states.filter(({ status }) => status === 'submitting' || status === 'ambiguous')).toEqual([])

  house.simulator.runway.latency(undefined)
  await house.addWorker()
  for (const id of ids) expect((await house.ended(id)).status).toBe('succeeded')
  house.assertHonest()
})

test('20 SIGTERM to a worker that copies: the copy is handed back and another worker finishes it (I4, I10)', async () => {
  house = await openHouse({
    workers: 0,
    env: { SHUTDOWN_GRACE_MS: '300', LOCK_DURATION_MS: '2000', STALLED_INTERVAL_MS: '500' },
  })
  house.simulator.runway.fault('dl.slow', { bytesPerSecond: 20, n: 1 })
  const first = await startWorkerProcess(house.env)
  const { id } = await house.post({ prompt: 'slow copy' })
  await expect.poll(async () => (await house.get(id)).status, { interval: 10 }).toBe('generated')
  first.child.kill('SIGTERM')
  expect(await first.exited).toEqual({ code: 0, signal: null })
  await house.addWorker()
  expect((await house.ended(id)).status).toBe('succeeded')
  expect(house.simulator.store.openUploads()).toEqual([])
  house.assertHonest()
})
