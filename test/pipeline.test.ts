import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type House, openHouse } from './house.ts'

let house: House
beforeAll(async () => {
  house = await openHouse()
})
afterAll(async () => {
  house.assertHonest()
  await house.close()
})

test('a posted job ends with the vendor’s bytes in the bucket, a hash that proves it and one verified webhook', async () => {
  const { id } = await house.post({ prompt: 'main job', metadata: { order: '42' } })
  const job = await house.ended(id)
  expect(job).toMatchObject({ status: 'succeeded', stage: null, progress: 100, upstream_status: 'SUCCEEDED' })
  expect(job.attempts.submits).toBe(1)
  expect(job.cost).toEqual({ amount: 60, unit: 'credits', usd: 0.6, final: true })
  expect(Object.keys(job.times).toSorted()).toEqual(['generated', 'queued', 'submitted', 'submitting', 'succeeded'])

  const expected = house.simulator.runway.expectedOutput(job.task_id ?? '')
  expect(job.outputs).toHaveLength(1)
  expect(job.outputs[0]).toMatchObject({
    sha256: expected.sha256,
    bytes: expected.bytes.length,
    content_type: 'video/mp4',
  })
  const redirect = await house.call('GET', `/v1/jobs/${id}/outputs/0`)
  expect(redirect.status).toBe(302)
  const file = Buffer.from(await (await fetch(redirect.headers.get('location') ?? '')).arrayBuffer())
  expect(createHash('sha256').update(file).digest('hex')).toBe(expected.sha256)

  const event = await house.webhook(id)
  expect(event.type).toBe('video.completed')
  expect(event.data).toEqual(job)
})

test('a job held back by the vendor shows THROTTLED and its wait, and is never submitted again', async () => {
  // A vendor that does not tell its limits; otherwise the jobs wait here.
  house.simulator.runway.fault('org.null_limits', { n: 'forever' })
  const limits = async () => (await house.call('GET', '/api/providers/runway/limits')).text()
  await expect.poll(limits, { interval: 20, timeout: 3_000 }).toContain('{"model":"gen4.5","limit":null')
  house.simulator.runway.setConcurrency(1)
  const ids = await Promise.all([1, 2, 3].map(async (n) => (await house.post({ prompt: `throttled ${n}` })).id))
  await expect
    .poll(
      async () => (await Promise.all(ids.map((id) => house.get(id)))).map(({ upstream_status }) => upstream_status),
      { interval: 20 },
    )
    .toContain('THROTTLED')
  const jobs = await Promise.all(ids.map((id) => house.ended(id)))
  house.simulator.runway.setConcurrency(5)
  expect(jobs.map(({ status, attempts }) => [status, attempts.submits])).toEqual(Array(3).fill(['succeeded', 1]))
})

test('a queued job that is canceled was never submitted, and its webhook says so', async () => {
  const { id } = await house.post({ prompt: 'never sent', delay_seconds: 3600 })
  expect((await house.call('DELETE', `/v1/jobs/${id}`)).status).toBe(200)
  expect(await house.webhook(id)).toMatchObject({ type: 'video.canceled', data: { status: 'canceled' } })
  expect(house.simulator.runway.ledger().markers['never sent']).toBeUndefined()
})

test('a running job that is canceled is canceled at the vendor', async () => {
  const { id } = await house.post({ prompt: 'stopped' })
  await expect.poll(async () => (await house.get(id)).upstream_status, { interval: 20 }).toBe('RUNNING')
  expect((await house.call('DELETE', `/v1/jobs/${id}`)).status).toBe(202)
  expect((await house.ended(id)).status).toBe('canceled')
  const task = house.simulator.runway.tasks().find(({ marker }) => marker === 'stopped')
  expect(task?.status).toBe('CANCELLED')
})

test('a job past its running deadline is stopped at the vendor and fails with a code that says which', async () => {
  house.simulator.runway.fault('poll.stuck', {}, { promptIncludes: 'stuck' })
  const { id } = await house.post({ prompt: 'stuck', deadlines: { running_seconds: 1 } })
  expect((await house.ended(id)).error?.code).toBe('run_timeout')
  expect(house.simulator.runway.tasks().find(({ marker }) => marker === 'stuck')?.status).toBe('CANCELLED')
})

test('every operation of both dialects runs through the same pipeline', async () => {
  const { id } = await house.post({
    operation: 'text_to_image',
    input: { model: 'gen4_image', promptText: 'still', ratio: '1024:1024' },
  })
  const job = await house.ended(id)
  expect(job).toMatchObject({ status: 'succeeded', kind: 'image', outputs: [{ content_type: 'image/png' }] })
  expect((await house.webhook(id)).type).toBe('image.completed')
})

test('a receiver that is away for a while still gets the webhook, with the same id and bytes', async () => {
  house.simulator.receiver.behave({ kind: 'answer', status: 503, times: 2, path: '/flaky' })
  const { id } = await house.post({ prompt: 'flaky', webhook_url: `${house.simulator.receiver.url}/flaky` })
  await house.ended(id)
  const isSecond = (d: { path: string }) => d.path === '/flaky'
  await house.simulator.receiver.waitFor((d, all) => isSecond(d) && all.filter(isSecond).length >= 2)
  await house.webhook(id)
  const attempts = house.simulator.receiver.deliveries('/flaky').map(({ headers }) => headers['webhook-attempt'])
  expect(attempts.slice(0, 2)).toEqual(['1', '2'])
})
