import { createHash } from 'node:crypto'
import type { JobErrorCode, JobResource, JobStatus } from '@genqueue/contract'
import { FAULT_IDS, type FaultArgs, type FaultId, faultScript, mergeScripts, type Script } from '@genqueue/simulator'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type House, type HouseOptions, openHouse } from './house.ts'

type NewJobInput = Parameters<House['post']>[0]

/** The faults of one part of the table: `create`, `poll`, `dl` … */
export type FaultOf<Part extends string> = Extract<FaultId, `${Part}.${string}`>

/** How a job under a fault must end, and what the vendor must have seen of it. */
export type Expected = {
  status: JobStatus
  error?: Partial<NonNullable<JobResource['error']>>
  /** Create requests, and tasks that came of them. */
  requests: number
  tasks: number
  /** Types of the outputs, in their order. */
  outputs: string[]
  /** Between the first two creates, in seconds of the vendor's clock. */
  restSeconds?: [min: number, max: number]
  /** Whatever else the job shows. */
  shows?: Record<string, unknown>
  /** What the task became at the vendor. */
  upstream?: string
}

export type FaultCase = {
  args?: FaultArgs | undefined
  /** Further turns of the same script. */
  script?: Script
  job?: NewJobInput
  /** What happens to the job on its way. */
  meanwhile?: (house: House, job: JobResource) => Promise<void>
  ends: Expected
}

const MP4 = 'video/mp4'
const UNTOUCHED: Pick<Expected, 'requests' | 'tasks' | 'outputs'> = { requests: 1, tasks: 1, outputs: [] }

export function succeeded(more: Partial<Expected> = {}): Expected {
  return { ...UNTOUCHED, status: 'succeeded', outputs: [MP4], ...more }
}

export function failed(code: JobErrorCode, more: Partial<Expected> = {}): Expected {
  return { ...UNTOUCHED, status: 'failed', ...more, error: { code, ...more.error } }
}

/** One case for each of the given arguments. */
export function each<T>(values: readonly T[], make: (value: T) => FaultCase): FaultCase[] {
  return values.map(make)
}

/** Fails for a fault of this part that has no case, and for a case whose fault is gone. */
export function everyFaultHasACase(part: string, tables: readonly Partial<Record<FaultId, unknown>>[]): void {
  test(`every ${part}.* fault of the simulator has an expectation`, () => {
    const covered = new Set(tables.flatMap((table) => Object.keys(table)))
    expect([...covered].toSorted()).toEqual(FAULT_IDS.filter((id) => id.startsWith(`${part}.`)).toSorted())
  })
}

/**
 * One house in which every case of the table is a job of its own, all under way at once; each test then holds its job
 * to what the table says. `after` adds tests that need the house for themselves.
 */
export function faultSuite(
  name: string,
  options: HouseOptions,
  table: Partial<Record<FaultId, readonly FaultCase[]>>,
  after: (house: () => House) => void = () => {},
): void {
  let opened: Promise<House>
  // Before any suite of the file: what their houses wait for, they wait for together.
  beforeAll(() => {
    opened = openHouse(options)
  })
  afterAll(async () => (await opened).close())
  describe(name, () => {
    const cases = Object.entries(table).flatMap(([id, list]) =>
      list.map((faultCase, index) => ({ id, ...faultCase, prompt: `<${id} ${index} of ${name}>` })),
    )
    const under = new Map<string, JobResource>()
    const meanwhile = new Map<string, Promise<void>>()
    let house: House
    beforeAll(async () => {
      house = await opened
      for (const { id, args, script = {}, prompt, job = {}, meanwhile: happens } of cases) {
        house.simulator.runway.script({ ...faultAnd(id, args, script), match: { promptIncludes: prompt } })
        const posted = await house.post(withPrompt(prompt, job))
        under.set(prompt, posted)
        if (!happens) continue
        const happening = happens(house, posted)
        happening.catch(() => {}) // its test awaits it
        meanwhile.set(prompt, happening)
      }
    }, 60_000)
    afterAll(async () => {
      const creates = Object.fromEntries(cases.map(({ prompt, ends }) => [prompt, ends.tasks]))
      house.assertHonest({ creates })
      expect(house.simulator.store.openUploads(), 'multipart uploads left open').toEqual([])
      for (const { id } of under.values()) {
        const messages = house.simulator.receiver
          .deliveries()
          .filter(({ headers }) => headers['webhook-id'] === msg(id))
        expect(messages, 'one webhook').toHaveLength(1)
      }
    })

    for (const { id, args, prompt, ends, job } of cases) {
      const variant = [args, job].map((part) => part && JSON.stringify(part)).filter(Boolean)
      const end = ends.error?.code ?? ends.status
      test(`${id} ${variant.join(' ')} ends ${end} after ${ends.requests} create(s)`, async () => {
        const posted = under.get(prompt)
        if (!posted) throw new Error('was never posted')
        await meanwhile.get(prompt)
        await expectEnd(house, posted.id, prompt, ends)
      })
    }
    after(() => house)
  })
}

async function expectEnd(house: House, id: string, prompt: string, ends: Expected): Promise<void> {
  const { runway, store } = house.simulator
  const job = await vi.waitFor(
    async () => {
      const found = await house.get(id)
      expect(found.completed_at).not.toBeNull()
      return found
    },
    { timeout: 25_000, interval: 25 },
  )
  const { status, error, requests, tasks, outputs, shows, upstream, restSeconds } = ends
  expect(job).toMatchObject({ status, ...(error && { error }), ...shows })
  expect(runway.ledger().markers[prompt] ?? { requests: 0, tasks: 0 }).toEqual({ requests, tasks })
  expect(job.outputs.map(({ content_type }) => content_type)).toEqual(outputs)

  const stored = store.objects().filter(({ key }) => key.includes(`/${id}/`))
  expect(stored.map(({ contentType }) => contentType).toSorted()).toEqual(outputs.toSorted())
  for (const { index, sha256, bytes } of job.outputs) {
    expect(sha256).toBe(runway.expectedOutput(job.task_id ?? '', index).sha256)
    const object = stored.find(({ key }) => key.includes(`/${id}/${index}.`))
    expect(object && [object.body.length, createHash('sha256').update(object.body).digest('hex')]).toEqual([
      bytes,
      sha256,
    ])
  }
  if (upstream) expect(runway.tasks().find(({ marker }) => marker === prompt)?.status).toBe(upstream)
  if (restSeconds) expectRest(house, prompt, restSeconds)

  const event = await house.webhook(id)
  expect(event.type).toBe(`video.${status === 'succeeded' ? 'completed' : status}`)
  expect(event.data).toEqual(job)
}

function expectRest(house: House, prompt: string, [min, max]: [number, number]): void {
  const creates = house.simulator.journal().filter(({ method, body }) => method === 'POST' && body?.includes(prompt))
  const [first, second] = creates.map(({ atMs }) => atMs / 1000)
  const rest = (second ?? Number.NaN) - (first ?? Number.NaN)
  expect(rest).toBeGreaterThanOrEqual(min)
  expect(rest).toBeLessThanOrEqual(max)
}

function faultAnd(id: string, args: FaultArgs | undefined, script: Script): Script {
  const fault = faultScript(id, args)
  return { ...mergeScripts([fault, script]), ...(fault.times && { times: fault.times }) }
}

function withPrompt(prompt: string, { input, ...job }: NewJobInput): NewJobInput {
  return input ? { ...job, input: { ...input, promptText: prompt } } : { ...job, prompt }
}

function msg(jobId: string): string {
  return `msg_${jobId.slice('job_'.length)}`
}
