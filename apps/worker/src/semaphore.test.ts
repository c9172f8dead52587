import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Semaphore } from './semaphore.ts'

test('never lets in more than it has permits for, serves in order, and gets back the permit of whoever fails', async () => {
  const job = fc.record({ turns: fc.nat(5), fails: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(job, { maxLength: 30 }), async (permits, jobs) => {
      const semaphore = new Semaphore(permits)
      const started: number[] = []
      let inside = 0
      let most = 0
      const outcomes = await Promise.allSettled(
        jobs.map(({ turns, fails }, index) =>
          semaphore.run(async () => {
            started.push(index)
            inside += 1
            most = Math.max(most, inside)
            for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
            inside -= 1
            if (fails) throw new Error('failed inside')
            return index
          }),
        ),
      )
      expect(most).toBeLessThanOrEqual(permits)
      if (jobs.length > 0) expect(most).toBeGreaterThan(0)
      expect(started).toEqual(jobs.map((_, index) => index))
      expect(outcomes.map(({ status }) => status)).toEqual(jobs.map(({ fails }) => (fails ? 'rejected' : 'fulfilled')))
      // All permits are back: as many as there are get in at once.
      const gate = Promise.withResolvers<void>()
      let waiting = 0
      const held = Array.from({ length: permits + 1 }, () =>
        semaphore.run(() => {
          waiting += 1
          return gate.promise
        }),
      )
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve()
      expect(waiting).toBe(permits)
      gate.resolve()
      await Promise.all(held)
    }),
  )
})
