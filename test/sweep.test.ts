import { afterAll, beforeAll, expect, test } from 'vitest'
import { sweep, sweepBatches } from './proof/sweep.ts'
import { sweepTable } from './proof/sweep-table.ts'
import { openWorld, type World } from './proof/world.ts'

/** Batches at a time: they mostly wait for what a dead process holds to come back. */
const AT_ONCE = 4

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

test('1, 2, 4 to 8, 10, 11, 13, 15 to 17 wherever a process dies, stands still or loses an answer: every acknowledged job ends once, is paid for once and told (I1 to I4, I6, I8)', async () => {
  const swept = await sweep(sweepBatches(), world, AT_ONCE)
  console.log(sweepTable(swept))
  const broken = swept.filter(({ report }) => report.broken.length > 0)
  expect(broken.map(({ run, report }) => ({ run: run.name, broken: report.broken }))).toEqual([])
  // A point that nobody came to proves nothing.
  const deaths = swept.filter(({ dies }) => dies).map(({ run, report }) => ({ run: run.name, hits: report.hits }))
  const kill = (name: string) => `${name.slice(0, name.lastIndexOf('-'))} kill`
  expect(deaths.map(({ run, hits }) => ({ run, hits: hits.filter((hit) => hit.endsWith(' kill')) }))).toEqual(
    deaths.map(({ run }) => ({ run, hits: [kill(run), kill(run)] })),
  )
  for (const { run, report } of swept) expect(report.hits, run.name).not.toEqual([])
}, 180_000)
