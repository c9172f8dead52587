import { hookToken, type JobResource, Secret } from '@genqueue/contract'
import {
  type FaultArgs,
  RUNWARE_FAULT_IDS,
  type RunwareFaultId,
  type RunwareScript,
  runwareFaultScript,
} from '@genqueue/simulator'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../scripts/free-port.ts'
import { type House, openHouse } from './house.ts'
import { everyRunwareFaultHasACase, type RunwareFaultOf } from './runware-fault-table.ts'

const HOOK_SECRET = 'a-secret-for-hooks-0123456789'
/** The vendor lives a hundred times faster than we look, so that only a call of its own makes us look this early. */
const FIRST_LOOK_MS = 1_500

type Case = {
  args?: FaultArgs
  input?: Record<string, unknown>
  /** How many the vendor makes; each is answered 204, whatever it is. */
  calls: number
  /** Whether they bring the end sooner. */
  early: boolean | 'either'
}

const HOOKS: Record<RunwareFaultOf<'hook'>, readonly Case[]> = {
  'hook.flat': [{ calls: 1, early: true }],
  'hook.wrapped': [{ calls: 1, early: true }],
  'hook.duplicate': [{ args: { n: 3 }, calls: 3, early: true }],
  'hook.out_of_order': [{ input: { numberResults: 2 }, calls: 3, early: true }],
  // Nobody knows the task yet, so there is nothing to look at.
  'hook.before_ack': [{ calls: 1, early: false }],
  'hook.lost': [{ calls: 0, early: false }],
  'hook.retry_until_2xx': [{ args: { n: 2 }, calls: 3, early: true }],
  // Where the notice already made us look, the end so soon after it does not.
  'hook.processing_notice': [{ calls: 2, early: 'either' }],
  'hook.forged': [
    { args: { how: 'token' }, calls: 2, early: true },
    { args: { how: 'content' }, calls: 2, early: true },
  ],
}

/** A caller's own `uploadEndpoint` passes on to the vendor. How that goes is between the two: our copy is its own. */
const PUTS: Record<RunwareFaultOf<'put'>, readonly Omit<Case, 'early'>[]> = {
  'put.ok': [{ calls: 1 }],
  'put.fail': [{ calls: 0 }],
  'put.zero_bytes': [{ calls: 1 }],
}

/** Not for us: we speak HTTP alone. The judge is the vendor's own client, in the simulator's official-clients.test.ts. */
const SOCKETS: Record<RunwareFaultOf<'ws'>, 'not applicable'> = {
  'ws.bad_key': 'not applicable',
  'ws.drop_before_ack': 'not applicable',
  'ws.drop_after_accept': 'not applicable',
  'ws.replay_on_session': 'not applicable',
  'ws.no_pong': 'not applicable',
  'ws.idle_close': 'not applicable',
  'ws.split_frames': 'not applicable',
  'ws.slow_ack': 'not applicable',
}

/** Not for us: nobody asks for the account's balance. An empty account shows in a create: `create.402_credits`. */
const ACCOUNT: Record<RunwareFaultOf<'org'>, 'not applicable'> = {
  'org.ok': 'not applicable',
  'org.zero_credit': 'not applicable',
}

everyRunwareFaultHasACase('hook', [HOOKS])
everyRunwareFaultHasACase('put', [PUTS])
everyRunwareFaultHasACase('ws', [SOCKETS])
everyRunwareFaultHasACase('org', [ACCOUNT])

test('every fault of the simulated Runware belongs to a part that is tested', () => {
  const isTested = (id: RunwareFaultId) => /^(create|poll|dl|upload|hook|put|ws|org)\./.test(id)
  expect(RUNWARE_FAULT_IDS.filter((id) => !isTested(id))).toEqual([])
})

const cases = [...Object.entries(HOOKS), ...Object.entries(PUTS)].flatMap(([id, list]) =>
  list.map((each: Omit<Case, 'early'> & Partial<Case>) => ({
    id,
    ...each,
    prompt: `<${id} ${JSON.stringify(each.args ?? {})}>`,
  })),
)

let house: House
const jobs = new Map<string, JobResource['id']>()
beforeAll(async () => {
  const port = String(await freePort())
  house = await openHouse({
    env: { PORT: port, PUBLIC_URL: `http://127.0.0.1:${port}`, HOOK_SECRET, SPEED: '1' },
  })
  const accepted = cases.map(async ({ id, args, input, prompt }) => {
    script(prompt, runwareFaultScript(id, args))
    const put = id.startsWith('put.') && { uploadEndpoint: `${house.simulator.receiver.url}/put` }
    jobs.set(prompt, (await post(prompt, { ...input, ...put })).id)
  })
  await Promise.all(accepted)
})
afterAll(async () => {
  house.assertHonest()
  await house.close()
})

function script(promptIncludes: string, more: RunwareScript): void {
  house.simulator.runware.script({ ...more, match: { promptIncludes } })
}

function post(positivePrompt: string, more: Record<string, unknown> = {}): Promise<JobResource> {
  const video = { model: 'klingai:5@3', duration: 5, width: 1920, height: 1080 }
  return house.postRunware({ input: { ...video, positivePrompt, ...more } })
}

const callsOf = (job: JobResource, kind: 'webhook' | 'put') =>
  house.simulator.runware.pushes().filter((push) => push.taskUUID === job.task_id && push.kind === kind)

/** Paid once, and what is kept is what the vendor made, whatever was called or put. */
async function expectTruth(prompt: string): Promise<JobResource> {
  const { runware } = house.simulator
  const job = await house.ended(jobs.get(prompt) ?? '')
  expect(job).toMatchObject({ status: 'succeeded', error: null, attempts: { submits: 1 } })
  const made = runware.ledger().entries.filter(({ marker }) => marker === prompt)
  expect(made).toMatchObject([{ charges: job.outputs.length }])
  const hashes = job.outputs.map((_, index) => runware.expectedOutput(job.task_id ?? '', index).sha256)
  expect(job.outputs.map(({ sha256 }) => sha256)).toEqual(hashes)
  expect((await house.webhook(job.id)).data).toEqual(job)
  return job
}

for (const { id, args, prompt, calls, early } of cases) {
  const isPut = id.startsWith('put.')
  const what = isPut ? 'our copy is whole' : early === true ? 'it is looked at early' : 'it is looked at all the same'
  test(`${id} ${JSON.stringify(args ?? {})}: ${what}`, async () => {
    const job = await expectTruth(prompt)
    const statuses = () => callsOf(job, isPut ? 'put' : 'webhook').map(({ status }) => status)
    await expect.poll(statuses).toEqual(Array(calls).fill(204))
    if (isPut) return
    const [submittedMs, generatedMs] = [job.times.submitted, job.times.generated].map((at) => Date.parse(at ?? ''))
    const tookMs = (generatedMs ?? Number.NaN) - (submittedMs ?? Number.NaN)
    if (early === true) expect(tookMs).toBeLessThan(FIRST_LOOK_MS - 100)
    if (early === false) expect(tookMs).toBeGreaterThanOrEqual(FIRST_LOOK_MS - 100)
  })
}

test('forged, repeated and late calls make no look; one true call makes one', async () => {
  const prompt = 'called by strangers'
  script(prompt, { runMs: 60_000, hook: { lost: true } })
  const { id } = await post(prompt)
  jobs.set(prompt, id)
  await expect.poll(async () => (await house.get(id)).status, { interval: 10 }).toBe('submitted')
  const { task_id: task = '' } = await house.get(id)
  const call = async (token: string) => {
    const lie = { data: [{ taskUUID: task, status: 'success', videoURL: 'https://forged.invalid/a.mp4' }] }
    expect((await house.call('POST', `/hooks/runware/${token}`, lie)).status).toBe(204)
  }
  const stranger = hookToken(new Secret('somebody-elses-secret-0123'), task ?? '')
  const token = hookToken(new Secret(HOOK_SECRET), task ?? '')
  await Promise.all([stranger, `${token}x`, stranger].map(call))
  await Promise.all([token, token, token].map(call))
  await expect.poll(async () => (await house.get(id)).attempts.polls).toBeGreaterThan(0)
  const seen = await house.get(id)
  expect(seen).toMatchObject({ status: 'submitted', attempts: { polls: 1 } })
  const ended = await expectTruth(prompt)
  await call(token)
  expect(await house.get(id)).toEqual(ended)
})
