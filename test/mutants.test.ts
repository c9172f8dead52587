import { afterAll, beforeAll, expect, test } from 'vitest'
import { type CrashRun, crashRuns } from './proof/crash-runs.ts'
import type { MutantName } from './proof/mutants.ts'
import { brokenText } from './proof/sweep-table.ts'
import { openWorld, type World } from './proof/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

/** A create is answered and its worker dies; the marker is all that keeps the next one from paying again. */
const AFTER_ANSWER = run('submit.response_read:1:kill')
/** A job has ended and its worker dies; nobody looks at an ended job again. */
const AFTER_END = run('terminal.after_script:1:kill')
/**
 * A copy is given up as too large, and its worker stands still before it says so. A younger run of the copy has the whole
 * file in hand when it wakes.
 */
const STALE_COPY: Parts = {
  victims: [
    { role: 'worker', faults: 'terminal.before_script:1:hang:4500', jobs: 1, env: { MAX_OUTPUT_BYTES: '1000' } },
  ],
  survivor: { faults: 'copy.before_complete:1:delay:5000' },
}

type Parts = Pick<CrashRun, 'victims' | 'survivor'>
type Case = { mutant: MutantName; invariant: string; parts: Parts; staysAlive: boolean }

const CASES: readonly Case[] = [
  { mutant: 'no fence', invariant: 'I4', parts: STALE_COPY, staysAlive: true },
  { mutant: 'no marker', invariant: 'I2', parts: AFTER_ANSWER, staysAlive: false },
  { mutant: 'late delivery', invariant: 'I3', parts: AFTER_END, staysAlive: false },
]

test.concurrent.each(CASES)(
  'a build with "$mutant" is caught by $invariant',
  async ({ mutant, invariant, parts, staysAlive }) => {
    const [report] = await crashRuns([{ name: mutant.replace(' ', '-'), vendor: 'runway', ...parts }], world, {
      mutant,
      staysAlive,
    })
    console.log(`${mutant}: ${brokenText(report ?? { broken: [] })}`)
    expect(report?.broken.map((each) => each.invariant)).toContain(invariant)
  },
  120_000,
)

// What befalls the other two is part of the sweep.
test.concurrent('the build as it is keeps a copy from being given up by an older run of it', async () => {
  const [report] = await crashRuns([{ name: 'fence', vendor: 'runway', ...STALE_COPY }], world, { staysAlive: true })
  expect(report?.broken).toEqual([])
  expect(report?.hits).toEqual(['terminal.before_script hang', 'copy.before_complete delay'])
}, 120_000)

function run(faults: string): Parts {
  return { victims: [{ role: 'worker', faults, jobs: 2 }] }
}
