import { afterAll, beforeAll, expect, test } from 'vitest'
import { type CrashReport, type CrashRun, crashRuns } from '../proof/crash-runs.ts'
import { sweepTable } from '../proof/sweep-table.ts'
import { openWorld, type World } from '../proof/world.ts'

const MB = 1024 * 1024
/** Four parts in the bucket, each of 5 MB, and a bit. */
const OUTPUT_BYTES = 21 * MB
/** What the copy is handed at a time is 64 KB at most. */
const CHUNKS_A_PART = 82

let world: World
beforeAll(async () => {
  world = await openWorld({ minOutputBytes: OUTPUT_BYTES })
})
afterAll(() => world.close())

test('13 a worker is killed in each part of a multipart copy: the next one puts the same object, once, with its hash (I4)', async () => {
  const runs = (
    [
      [1, 'runway'],
      [2, 'runware'],
      [3, 'runway'],
      [4, 'runware'],
    ] as const
  ).map(
    ([part, vendor]): CrashRun => ({
      name: `part-${part}-${vendor}`,
      vendor,
      victims: [{ role: 'worker', faults: `copy.part_n:${part * CHUNKS_A_PART}:kill`, jobs: 1 }],
    }),
  )
  const reports: CrashReport[] = []
  // One at a time: each moves a hundred megabytes.
  for (const run of runs) reports.push(...(await crashRuns([run], world)))
  const swept = runs.flatMap((run, n) => (reports[n] ? [{ run, report: reports[n], dies: true }] : []))
  console.log(sweepTable(swept))
  expect(swept.flatMap(({ report }) => report.broken)).toEqual([])
  expect(swept.map(({ report }) => report.hits)).toEqual(runs.map(() => ['copy.part_n kill']))
  for (const { report } of swept) expect(report.counts.objectsOk).toBe(report.counts.terminal - report.counts.ambiguous)
  // What a killed process leaves behind is for the bucket's own rule, and is no object.
  const parts = world.simulator.store.openUploads().map((upload) => upload.parts)
  expect(parts.length).toBeGreaterThan(0)
}, 180_000)
