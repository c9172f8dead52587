import { JobList, JobResource } from '@genqueue/contract'
import { operationsOf } from '@genqueue/providers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { JOB, type OpenApi, OTHER_KEY, openApi } from '../api-fixture.ts'

let house: OpenApi
beforeAll(async () => {
  house = await openApi()
})
afterAll(() => house.close())

const jobOf = async (response: Response) => JobResource.parse(await response.json())
const create = async (body: object = JOB, options = {}) => {
  const response = await house.post('/v1/jobs', body, options)
  expect(response.status, await response.clone().text()).toBe(202)
  return jobOf(response)
}

test('a job is accepted with 202 and the address at which it can be looked at', async () => {
  const response = await house.post('/v1/jobs', { ...JOB, metadata: { a: 'b' }, priority: 5 })
  expect(response.status).toBe(202)
  const job = await jobOf(response)
  expect(response.headers.get('location')).toBe(`/v1/jobs/${job.id}`)
  expect(job).toMatchObject({ status: 'queued', stage: 'submit', model: 'gen4.5', kind: 'video', metadata: { a: 'b' } })
  expect((await house.get(job.id)).request).toMatchObject({ body: JOB.input, priority: 5 })
  expect(await jobOf(await house.fetch(`/v1/jobs/${job.id}`))).toEqual(job)
})

test('every operation of the vendor is taken with the body as it is', async () => {
  for (const { name, kind } of operationsOf('runway') ?? []) {
    const job = await create({
      provider: 'runway',
      operation: name,
      input: { anything: [1, { deep: true }], model: '' },
    })
    expect(job).toMatchObject({ operation: name, kind, model: null })
  }
})

test("the caller's own deadlines, retention and policy stand over the defaults", async () => {
  const { id } = await create({
    ...JOB,
    deadlines: { queue_seconds: 60, running_seconds: 120 },
    retention_seconds: 3600,
    on_submission_unknown: 'resubmit',
    delay_seconds: 30,
    webhook_url: 'https://hooks.example.com/done?x=1',
  })
  const { request, times } = await house.get(id)
  expect(request).toMatchObject({
    deadlines: { queueMs: 60_000, throttledMs: 43_200_000, runningMs: 120_000 },
    retentionMs: 3_600_000,
    onSubmissionUnknown: 'resubmit',
    webhookUrl: 'https://hooks.example.com/done?x=1',
  })
  expect((request.notBeforeMs ?? 0) - (times.queued ?? 0)).toBeGreaterThan(29_000)
})

test('a data URI of any size goes to storage, wherever it stands', async () => {
  const wav = Buffer.concat([Buffer.from('RIFF\x24\x40\x00\x00WAVEfmt '), Buffer.alloc(200_000)])
  const { id } = await create({
    provider: 'runway',
    operation: 'lip_sync',
    input: { audio: [{ uri: `data:audio/wav;base64,${wav.toString('base64')}` }] },
  })
  const { request } = await house.get(id)
  expect(request.body).toEqual({ audio: [{ uri: { $input: 0 } }] })
  expect(request.inputs).toMatchObject([{ bytes: wav.length, contentType: 'audio/wav' }])
})

test('lists page and filter', async () => {
  const key = OTHER_KEY
  const video = await create(JOB, { key })
  const image = await create({ provider: 'runway', operation: 'text_to_image', input: {} }, { key })
  const idsOf = async (query: string) => {
    const response = await house.fetch(`/v1/jobs?${query}`, { key })
    return JobList.parse(await response.json()).data.map(({ id }) => id)
  }
  expect(await idsOf('')).toEqual([image.id, video.id])
  expect(await idsOf('kind=image')).toEqual([image.id])
  expect(await idsOf('operation=text_to_video&provider=runway&status=queued&model=gen4.5')).toEqual([video.id])
  expect(await idsOf('provider=runware')).toEqual([])
  expect(await idsOf(`after=${image.id}&limit=1`)).toEqual([video.id])
})

test('cancel ends what waits, asks the vendor to stop what runs, and leaves what has ended', async () => {
  const { id } = await create()
  const cancel = (job: string) => house.fetch(`/v1/jobs/${job}/cancel`, { method: 'POST' })
  const first = await cancel(id)
  expect([first.status, (await jobOf(first)).status]).toEqual([200, 'canceled'])
  const second = await cancel(id)
  expect([second.status, (await jobOf(second)).status]).toEqual([200, 'canceled'])

  const running = await create()
  await house.submit(running.id)
  const response = await cancel(running.id)
  expect(response.status).toBe(202)
  expect(await jobOf(response)).toMatchObject({ status: 'submitted', cancel_requested: true })
})

test('DELETE cancels an open job and then removes it', async () => {
  const { id } = await create()
  const remove = () => house.fetch(`/v1/jobs/${id}`, { method: 'DELETE' })
  expect((await remove()).status).toBe(200)
  const removed = await remove()
  expect([removed.status, await removed.text()]).toEqual([204, ''])
  expect((await remove()).status).toBe(404)
})

test('Prefer: wait answers with the end of the job, or with the job after that time', async () => {
  const before = (await create()).id
  const waiting = house.post('/v1/jobs', JOB, { headers: { prefer: 'respond-async, wait=20' } })
  const newest = async () => JobList.parse(await (await house.fetch('/v1/jobs?limit=1')).json()).data[0]?.id
  await expect.poll(newest).not.toBe(before)
  const id = String(await newest())
  await house.fail(id)
  const response = await waiting
  expect(response.status).toBe(200)
  expect(response.headers.get('preference-applied')).toBe('wait=20')
  expect(await jobOf(response)).toMatchObject({ id, status: 'failed' })

  const impatient = await house.post('/v1/jobs', JOB, { headers: { prefer: 'wait=1' } })
  expect(impatient.status).toBe(202)
  expect(impatient.headers.get('preference-applied')).toBe('wait=1')
})

test('a wait ends at once when the process is to end', async () => {
  const ending = await openApi()
  const { id } = await jobOf(await ending.post('/v1/jobs', JOB))
  const startedMs = performance.now()
  const waiting = ending.fetch(`/v1/jobs/${id}`, { headers: { prefer: 'wait=30' } })
  await expect.poll(() => ending.redis.info('commandstats')).toMatch(/cmdstat_hgetall:calls=([2-9]|\d\d)/)
  await ending.api.close()
  expect(await jobOf(await waiting)).toMatchObject({ status: 'queued' })
  expect(performance.now() - startedMs).toBeLessThan(5_000)
  await ending.close()
})
