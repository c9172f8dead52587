import type { JobErrorCode, JobResource, JobStatus } from '@genqueue/contract'
import {
  type FaultArgs,
  mergeRunwareScripts,
  RUNWARE_FAULT_IDS,
  type RunwareFaultId,
  type RunwareScript,
  runwareFaultScript,
} from '@genqueue/simulator'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type House, type HouseOptions, openHouse } from './house.ts'
import { IMAGE, openWaitingJobs, type WaitingJobs } from './waiting-jobs.ts'

/** `video` is looked at, `image` is answered with its result while somebody waits. */
export type Way = 'video' | 'image'

export type RunwareEnd = {
  status: JobStatus
  code?: JobErrorCode
  /** Create requests, where it is certain how many there are; 1 unless stated. */
  requests?: number | 'several'
  /** Generations charged; those of the outputs unless stated. */
  charges?: number
  outputs: number
  shows?: Record<string, unknown>
}

export type RunwareCase = {
  args?: FaultArgs | undefined
  ways?: readonly Way[]
  script?: RunwareScript
  /** More of the vendor's body. */
  input?: Record<string, unknown>
  deadlines?: { queueMs?: number; throttledMs?: number; runningMs?: number }
  ends: RunwareEnd
}

export type RunwareFaultOf<Part extends string> = Extract<RunwareFaultId, `${Part}.${string}`>

export function succeeds(more: Partial<RunwareEnd> = {}): RunwareEnd {
  return { status: 'succeeded', outputs: 1, ...more }
}

export function fails(code: JobErrorCode, more: Partial<RunwareEnd> = {}): RunwareEnd {
  return { status: 'failed', code, outputs: 0, ...more }
}

export function everyRunwareFaultHasACase(
  part: string,
  tables: readonly Partial<Record<RunwareFaultId, unknown>>[],
): void {
  test(`every ${part}.* fault of the simulated Runware has an expectation`, () => {
    const covered = new Set(tables.flatMap((table) => Object.keys(table)))
    expect([...covered].toSorted()).toEqual(RUNWARE_FAULT_IDS.filter((id) => id.startsWith(`${part}.`)).toSorted())
  })
}

/** One house in which every case is a job of its own, all under way at once. */
export function runwareFaultSuite(
  name: string,
  options: HouseOptions,
  table: Partial<Record<RunwareFaultId, readonly RunwareCase[]>>,
  ways: readonly Way[],
  after: (house: () => House) => void = () => {},
): void {
  let opened: Promise<House>
  beforeAll(() => {
    opened = openHouse(options)
  })
  afterAll(async () => (await opened).close())
  describe(name, () => {
    const cases = Object.entries(table).flatMap(([id, list]) =>
      list.flatMap((each, index) =>
        (each.ways ?? ways).map((way) => ({ id, ...each, way, prompt: `<${way} ${id} ${index} of ${name}>` })),
      ),
    )
    const jobs = new Map<string, JobResource['id']>()
    let house: House
    let waiting: WaitingJobs
    beforeAll(async () => {
      house = await opened
      waiting = await openWaitingJobs(house)
      for (const { id, args, script = {}, prompt, way, input, deadlines } of cases) {
        const fault = runwareFaultScript(id, args)
        const times = fault.times === undefined ? {} : { times: fault.times }
        house.simulator.runware.script({
          ...mergeRunwareScripts([fault, script]),
          ...times,
          match: { promptIncludes: prompt },
        })
        const body = { ...(way === 'image' ? IMAGE : VIDEO), ...input, positivePrompt: prompt }
        const operation = way === 'image' ? 'imageInference' : 'videoInference'
        const all = { queueMs: 60_000, throttledMs: 60_000, runningMs: 60_000, ...deadlines }
        const waits = way === 'image'
        jobs.set(prompt, await waiting.accept(operation, body, { waits, deadlines: all }))
      }
    }, 60_000)
    afterAll(async () => {
      house.assertHonest()
      expect(house.simulator.store.openUploads(), 'multipart uploads left open').toEqual([])
      await waiting.close()
    })

    for (const { id, args, way, prompt, ends, input } of cases) {
      const variant = [args, input].map((part) => part && JSON.stringify(part)).filter(Boolean)
      test(`${id} ${variant.join(' ')} of ${way === 'image' ? 'a waited-for image' : 'a video'} ends ${ends.code ?? ends.status}`, async () => {
        await expectEnd(house, jobs.get(prompt) ?? '', prompt, ends)
      })
    }
    after(() => house)
  })
}

const VIDEO = { model: 'klingai:5@3', duration: 5, width: 1920, height: 1080 }

async function expectEnd(house: House, id: string, prompt: string, ends: RunwareEnd): Promise<void> {
  const job = await house.ended(id, 25_000)
  const { status, code, requests = 1, outputs, charges = outputs, shows } = ends
  expect(job).toMatchObject({ status, error: code ? { code } : null, ...shows })
  expect(job.outputs).toHaveLength(outputs)
  const { runware, store } = house.simulator
  const ledger = runware.ledger()
  const seen = ledger.markers[prompt]?.requests ?? 0
  if (requests === 'several') expect(seen).toBeGreaterThan(1)
  else expect(seen).toBe(requests)
  const made = ledger.entries.filter(({ marker }) => marker === prompt)
  expect(made.reduce((sum, entry) => sum + entry.charges, 0)).toBe(charges)
  const files = Array.from({ length: outputs && (made[0]?.generations ?? 0) }, (_, index) =>
    runware.expectedOutput(job.task_id ?? '', index),
  )
  // What failed has no place among the outputs, so that those after it move up.
  const hashes = job.outputs.map(({ sha256 }) => sha256)
  expect(files.filter(({ sha256 }) => hashes.includes(sha256)).map(({ sha256 }) => sha256)).toEqual(hashes)
  expect(store.objects().filter(({ key }) => key.includes(`/${id}/`))).toHaveLength(outputs)
  expect((await house.webhook(id)).data).toEqual(job)
}
