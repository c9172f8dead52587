import { readFileSync } from 'node:fs'
import { FAULT_IDS, type FaultArgs, type FaultId } from '@genqueue/simulator'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { each, everyFaultHasACase, type FaultCase, type FaultOf, failed, faultSuite } from './fault-table.ts'
import { ADMIN_KEY, type House, openHouse } from './house.ts'

const RUNNING_ON = { runningMs: 1e9 }

/** Asks for the job to end once the vendor works on it. */
async function cancelWhileRunning(house: House, { id }: { id: string }): Promise<void> {
  const isRunning = async () => expect((await house.get(id)).upstream_status).toBe('RUNNING')
  await vi.waitFor(isRunning, { interval: 10, timeout: 5_000 })
  expect((await house.call('DELETE', `/v1/jobs/${id}`)).status).toBe(202)
}

const canceled = (upstream: string, args: FaultArgs = {}, script: FaultCase['script'] = RUNNING_ON): FaultCase => ({
  args,
  script,
  meanwhile: cancelWhileRunning,
  ends: { status: 'canceled', requests: 1, tasks: 1, outputs: [], upstream, shows: { error: null } },
})

const CANCELS = {
  'del.204_then_404': [canceled('CANCELLED')],
  // The vendor no longer knows it, whatever it goes on doing.
  'del.404': [canceled('RUNNING')],
  'del.5xx': [
    canceled('CANCELLED'),
    ...each([502, 503, 504], (status) => canceled('CANCELLED', { status, body: 'html', n: 3 })),
    // A task that is overdue and cannot be stopped is given up, and the job ends.
    {
      args: { n: 'forever' },
      script: RUNNING_ON,
      job: { deadlines: { running_seconds: 1 } },
      ends: failed('run_timeout', { upstream: 'RUNNING' }),
    },
    { ...canceled('RUNNING', { n: 'forever' }), job: { deadlines: { running_seconds: 1 } } },
  ],
} satisfies Partial<Record<FaultOf<'del'>, FaultCase[]>>

// A look that a stalled machine gives up on is repeated soon, and the vendor sees both at once: here none need be given up.
const PATIENT = { POLL_TIMEOUT_MS: '10000' }

faultSuite('cancels', { env: PATIENT, simulator: { runway: { concurrency: null } } }, CANCELS, (house) => {
  test('a task that could not be stopped at its deadline and finishes is fetched after all', async () => {
    const { runway } = house().simulator
    runway.script({
      runningMs: 120_000,
      delete: { perform: false, http: 503, times: 'forever' },
      match: { promptIncludes: 'just in time' },
    })
    const { id } = await house().post({ prompt: 'just in time', deadlines: { running_seconds: 1 } })
    expect((await house().ended(id)).status).toBe('succeeded')
  })
})

test('del.race_succeeds_first: a job canceled in the moment it finished is canceled, and nothing of it is stored', async () => {
  const house = await openHouse()
  onTestFinished(() => house.close())
  const { runway, store } = house.simulator
  runway.fault('del.race_succeeds_first', {}, { promptIncludes: 'race' })
  const posted = await house.post({ prompt: 'race' })
  await cancelWhileRunning(house, posted)
  const job = await house.ended(posted.id)
  expect(job).toMatchObject({ status: 'canceled', outputs: [] })
  expect((await house.webhook(job.id)).data).toEqual(job)
  expect(store.objects().filter(({ key }) => key.includes(job.id))).toEqual([])
  // Nobody can know it beforehand: the vendor's cancel and its delete are the same call.
  expect(house.simulator.violations().map(({ kind }) => kind)).toEqual(['deleted_before_download'])
})

test('a task whose provider key was taken out of the configuration ends its job, after the deadline and its grace', async () => {
  const speed = { clock: { speed: 1000 } }
  const house = await openHouse({ simulator: speed, env: { SPEED: '1000' } })
  onTestFinished(() => house.close())
  house.simulator.runway.script({ ...RUNNING_ON, match: { promptIncludes: 'orphaned' } })
  const { id } = await house.post({ prompt: 'orphaned', deadlines: { running_seconds: 2 } })
  const running = { interval: 10, timeout: 10_000 }
  await expect.poll(async () => (await house.get(id)).upstream_status, running).toBe('RUNNING')
  await house.workers[0]?.stop()
  await house.addWorker({ RUNWAY_API_KEY: 'key_of_somebody_else' })
  expect((await house.ended(id)).error).toMatchObject({ code: 'run_timeout' })
  await house.webhook(id)
  house.assertHonest()
})

/** Too large for a data URI, so that it takes the vendor's two-step upload. */
const IMAGE = Buffer.concat([
  readFileSync(new URL('../packages/simulator/media/output.png', import.meta.url)),
  Buffer.alloc(5 * 1024 * 1024, 7),
])

describe('uploads of a large input', () => {
  let house: House
  beforeAll(async () => {
    house = await openHouse({ env: { RECONCILE_INTERVAL_MS: '200' } })
  })
  afterAll(async () => {
    expect(house.simulator.store.openUploads()).toEqual([])
    house.assertHonest()
    await house.close()
  })

  async function post(prompt: string, fields: Record<string, string> = {}): Promise<string> {
    const form = new FormData()
    const values = {
      model: 'runway/gen4_turbo',
      prompt,
      webhook_url: `${house.simulator.receiver.url}/hook`,
      ...fields,
    }
    for (const [name, value] of Object.entries(values)) form.set(name, value)
    // A file of its own each time: one that the vendor has already is not uploaded again.
    form.set('input_reference', new Blob([IMAGE, prompt], { type: 'image/png' }), 'large ñ "image".png')
    const response = await fetch(`${house.api.url}/v1/videos`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
      body: form,
    })
    const body = await response.text()
    if (response.status !== 200) throw new Error(`${response.status}: ${body}`)
    const { id } = JSON.parse(body) as { id: string } // the API's own answer
    return id.replace('video_', 'job_')
  }

  test.each<[FaultOf<'upload'>, FaultArgs, places: number]>([
    ['upload.placeholder_429', {}, 1],
    ['upload.placeholder_429', { retryAfter: '2', times: 2 }, 1],
    ['upload.placeholder_429', { body: 'html' }, 1],
    ['upload.storage_403', {}, 2],
    ['upload.storage_503', { times: 2 }, 3],
    ['upload.storage_drop', {}, 2],
  ])('%s %j is tried again with a new place, and the task gets the file', async (fault, args, places) => {
    const { runway, store } = house.simulator
    const before = runway.uploads().length
    const prompt = `${fault} ${JSON.stringify(args)}`
    runway.fault(fault, args)
    const id = await post(prompt)
    const job = await house.ended(id)
    expect(job).toMatchObject({ status: 'succeeded', attempts: { submits: 1 } })
    const reserved = runway.uploads().slice(before)
    expect(reserved).toHaveLength(places)
    expect(reserved.map(({ stored }) => stored?.sizeBytes)).toEqual([
      ...Array(places - 1).fill(undefined),
      IMAGE.length + prompt.length,
    ])
    const task = runway.tasks().find(({ marker }) => marker === prompt)
    expect(task?.body).toMatchObject({ model: 'gen4_turbo', promptImage: reserved.at(-1)?.uri })
    expect(runway.ledger().markers[prompt]).toEqual({ requests: 1, tasks: 1 })
    await house.webhook(id)
    // What was stored for the upload goes when the job has ended.
    const inputs = () => store.objects().filter(({ key }) => key.includes('inputs/'))
    await expect.poll(inputs, { timeout: 5_000 }).toEqual([])
  })

  test('upload.no_runwayUri: a place nobody can refer to fails the job as input_unavailable, unsent', async () => {
    house.simulator.runway.fault('upload.no_runwayUri')
    const id = await post('no uri')
    expect((await house.ended(id)).error).toMatchObject({ code: 'input_unavailable', retryable: false })
    expect(house.simulator.runway.ledger().markers['no uri']).toBeUndefined()
    expect((await house.webhook(id)).type).toBe('video.failed')
  })

  test('a storage that keeps refusing fails the job at its queue deadline, unsent', async () => {
    house.simulator.runway.fault('upload.storage_403', { times: 50 })
    const id = await post('never stored', { deadlines: JSON.stringify({ queue_seconds: 1 }) })
    expect((await house.ended(id)).error?.code).toBe('input_unavailable')
    expect(house.simulator.runway.ledger().markers['never stored']).toBeUndefined()
    expect((await house.webhook(id)).type).toBe('video.failed')
  })
})

const UPLOADS: Record<FaultOf<'upload'>, true> = {
  'upload.placeholder_429': true,
  'upload.storage_403': true,
  'upload.storage_503': true,
  'upload.storage_drop': true,
  'upload.no_runwayUri': true,
}
/** Answers of the organization call, which a worker makes beside the jobs: none of them keeps a job from its end. */
const ORGANIZATION: Record<FaultOf<'org'>, FaultArgs[]> = {
  'org.ok': [{}],
  'org.null_limits': [{}],
  'org.zero_credit': [{}],
  'org.error': [{}, { status: 401 }, { status: 200, body: 'html' }, { status: 200, body: 'empty' }],
}

describe('a vendor that answers for its limits with', () => {
  let house: House
  beforeAll(async () => {
    house = await openHouse({ simulator: { clock: { speed: 1000 } }, env: { SPEED: '1000' } })
  })
  afterAll(async () => {
    house.assertHonest()
    await house.close()
  })
  const cases = Object.entries(ORGANIZATION).flatMap(([fault, all]) => all.map((args) => [fault, args] as const))

  test.each(cases)('%s %j runs the jobs all the same', async (fault, args) => {
    const { runway } = house.simulator
    // Object.entries of a literal gives its own keys.
    runway.fault(fault as FaultOf<'org'>, args)
    const prompt = `${fault} ${JSON.stringify(args)}`
    const jobs = await Promise.all([1, 2, 3].map((n) => house.post({ prompt: `${prompt} ${n}` })))
    for (const { id } of jobs) expect((await house.ended(id)).status).toBe('succeeded')
  })

  test('a balance of nothing keeps jobs here until there is one', async () => {
    const { runway } = house.simulator
    runway.setCredits(0)
    const limits = async () => (await house.call('GET', '/api/providers/runway/limits')).json()
    const rests = { rests: [{ model: null, reason: 'quota_exceeded' }] }
    await expect.poll(limits, { interval: 20, timeout: 5_000 }).toMatchObject({ keys: [{ credits: 0, ...rests }] })
    const { id } = await house.post({ prompt: 'broke' })
    await expect.poll(async () => (await house.get(id)).waiting?.reason, { interval: 10 }).toBe('quota_exceeded')
    runway.setCredits(10_000)
    expect((await house.ended(id)).status).toBe('succeeded')
    expect(runway.ledger().markers.broke).toEqual({ requests: 1, tasks: 1 })
  })
})

everyFaultHasACase('del', [CANCELS, { 'del.race_succeeds_first': true }])
everyFaultHasACase('upload', [UPLOADS])
everyFaultHasACase('org', [ORGANIZATION])

test('every fault of the simulator belongs to a part that is tested', () => {
  const isTested = (id: FaultId) => /^(create|poll|dl|del|upload|org)\./.test(id)
  expect(FAULT_IDS.filter((id) => !isTested(id))).toEqual([])
})
