import { randomUUID } from 'node:crypto'
import { describe, expect } from 'vitest'
import type { RUNWARE_PUSH_FAULTS } from './push-faults.ts'
import { dataOf, errorsOf, type Item, image, test, type Vendor } from './vendor.fixture.ts'

type Observe = (vendor: Vendor) => Promise<void>

/** What has come to a path of the receiver, parsed. */
const heard = ({ sim }: Vendor, path = '/hook'): Item[] =>
  sim.receiver
    .deliveries()
    .filter((delivery) => delivery.path.startsWith(path))
    .map(({ body }) => Object(JSON.parse(body.toString())))
const webhookURL = ({ sim }: Vendor): string => `${sim.receiver.url}/hook`

/** Creates a video with a webhook, lets its time pass and waits for so many calls. */
async function called(vendor: Vendor, count: number, changes: object = {}) {
  const { uuid } = await vendor.video({ webhookURL: webhookURL(vendor), ...changes })
  vendor.sim.clock.advance(12_000)
  await expect.poll(() => heard(vendor)).toHaveLength(count)
  return uuid
}
const putTo = async (vendor: Vendor, changes: object = {}) => {
  const { uuid } = await vendor.video({ uploadEndpoint: `${vendor.sim.receiver.url}/put`, ...changes })
  vendor.sim.clock.advance(12_000)
  await expect.poll(async () => dataOf(await vendor.poll(uuid))[0]?.status).toBe('success')
  return { uuid, puts: vendor.sim.receiver.deliveries('/put') }
}
const connected = async (vendor: Vendor, session?: string) => {
  const line = await vendor.connect(session)
  await expect.poll(() => line.frames.length).toBeGreaterThan(0)
  return line
}
const account = (vendor: Vendor) =>
  vendor.post([{ taskType: 'accountManagement', taskUUID: randomUUID(), operation: 'getDetails' }])
const upload = (vendor: Vendor) =>
  vendor.post([
    { taskType: 'imageUpload', taskUUID: randomUUID(), image: 'data:image/png;base64,aGVsbG8gd29ybGQhISE=' },
  ])

const OBSERVED = {
  'hook.flat': async (vendor) => {
    const taskUUID = await called(vendor, 1)
    const [item] = dataOf(await vendor.poll(taskUUID))
    expect(heard(vendor)).toEqual([item])
    expect(item).toMatchObject({ taskUUID, status: 'success', videoURL: expect.any(String), cost: 0.45 })
  },
  'hook.wrapped': async (vendor) => {
    const taskUUID = await called(vendor, 1)
    expect(heard(vendor)).toMatchObject([{ data: [{ taskUUID, status: 'success' }] }])
  },
  'hook.duplicate': async (vendor) => {
    await called(vendor, 2)
    const [one, other] = heard(vendor)
    expect(other).toEqual(one)
  },
  'hook.out_of_order': async (vendor) => {
    const taskUUID = await called(vendor, 3, { numberResults: 2 })
    const [last, , notice] = heard(vendor)
    expect(last?.videoUUID).toBe(dataOf(await vendor.poll(taskUUID))[1]?.videoUUID)
    expect(notice).toMatchObject({ taskUUID, status: 'processing' })
  },
  'hook.before_ack': async (vendor) => {
    const { uuid } = await vendor.video({ webhookURL: webhookURL(vendor) })
    expect(heard(vendor), 'by the time of the ack').toMatchObject([{ taskUUID: uuid, status: 'success' }])
  },
  'hook.lost': async (vendor) => {
    await called(vendor, 0)
    expect(vendor.runware.pushes()).toEqual([])
    await called(vendor, 1)
  },
  'hook.retry_until_2xx': async (vendor) => {
    await called(vendor, 1)
    for (const [waitMs, count] of [
      [250, 2],
      [500, 3],
    ] as const) {
      await expect.poll(() => vendor.runware.pushes().at(-1)?.status).toBe(204)
      await expect
        .poll(() => {
          vendor.sim.clock.advance(waitMs)
          return heard(vendor).length
        })
        .toBe(count)
    }
    expect(new Set(vendor.runware.pushes().map(({ body }) => body)).size).toBe(1)
  },
  'hook.processing_notice': async (vendor) => {
    await called(vendor, 2)
    expect(heard(vendor).map(({ status }) => status)).toEqual(['processing', 'success'])
  },
  'hook.forged': async (vendor) => {
    const { uuid } = await vendor.video({ webhookURL: `${webhookURL(vendor)}?token=secret1` })
    vendor.sim.clock.advance(12_000)
    await expect.poll(() => heard(vendor)).toHaveLength(2)
    const paths = vendor.sim.receiver.deliveries().map(({ path }) => path)
    expect(paths).toEqual(['/hook?token=secret0', '/hook?token=secret1'])
    expect(heard(vendor)[0]).toMatchObject({ taskUUID: uuid, videoURL: 'https://forged.invalid/output.mp4' })
  },
  'put.ok': async (vendor) => {
    const { uuid, puts } = await putTo(vendor)
    expect(puts.map(({ method, headers }) => [method, headers['content-type']])).toEqual([['PUT', 'video/mp4']])
    expect(puts[0]?.body.equals(vendor.runware.expectedOutput(uuid).bytes)).toBe(true)
  },
  'put.fail': async (vendor) => {
    expect((await putTo(vendor)).puts).toEqual([])
  },
  'put.zero_bytes': async (vendor) => {
    expect((await putTo(vendor)).puts.map(({ body }) => body.length)).toEqual([0])
  },
  'ws.bad_key': async (vendor) => {
    const line = await connected(vendor)
    expect(line.frames).toMatchObject([{ errors: [{ code: 'invalidApiKey', taskType: 'authentication' }] }])
  },
  'ws.drop_before_ack': async (vendor) => {
    const line = await connected(vendor)
    line.send(image())
    await expect.poll(() => line.isClosed).toBe(true)
    expect(vendor.runware.tasks()).toEqual([])
  },
  'ws.drop_after_accept': async (vendor) => {
    const line = await connected(vendor)
    line.send(image())
    await expect.poll(() => line.isClosed).toBe(true)
    expect(vendor.runware.tasks()).toHaveLength(1)
    vendor.sim.clock.advance(800)
    expect(vendor.runware.ledger().entries).toMatchObject([{ status: 'success', charges: 1 }])
    expect((await connected(vendor)).items(), 'without the old session').toHaveLength(1)
  },
  'ws.replay_on_session': async (vendor) => {
    const line = await connected(vendor)
    const task = image()
    line.send(task)
    await expect.poll(() => line.isClosed).toBe(true)
    vendor.sim.clock.advance(800)
    const again = await connected(vendor, String(line.items()[0]?.connectionSessionUUID))
    await expect
      .poll(() => again.items())
      .toMatchObject([{}, { taskUUID: task.taskUUID, imageURL: expect.any(String) }])
  },
  'ws.no_pong': async (vendor) => {
    const line = await connected(vendor)
    line.send({ taskType: 'ping', ping: true })
    line.send({ taskType: 'ping', ping: true })
    await expect.poll(() => line.items().slice(1)).toEqual([{ taskType: 'ping', pong: true }])
  },
  'ws.idle_close': async (vendor) => {
    const line = await connected(vendor)
    vendor.sim.clock.advance(119_000)
    line.send({ taskType: 'ping', ping: true })
    await expect.poll(() => line.items()).toHaveLength(2)
    vendor.sim.clock.advance(119_000)
    expect(line.isClosed).toBe(false)
    vendor.sim.clock.advance(1000)
    await expect.poll(() => line.isClosed).toBe(true)
  },
  'ws.split_frames': async (vendor) => {
    const line = await connected(vendor)
    line.send(image({ numberResults: 3 }))
    await expect.poll(() => vendor.runware.tasks()).toHaveLength(1)
    vendor.sim.clock.advance(1000)
    await expect.poll(() => line.frames.slice(1).map((json) => dataOf({ json }).length)).toEqual([1, 1, 1])
  },
  'ws.slow_ack': async (vendor) => {
    const line = await connected(vendor)
    line.send(image({ deliveryMethod: 'async' }))
    await expect.poll(() => vendor.runware.tasks()).toHaveLength(1)
    vendor.sim.clock.advance(4999)
    expect(line.items()).toHaveLength(1)
    vendor.sim.clock.advance(1)
    await expect.poll(() => line.items()).toHaveLength(2)
  },
  'upload.placeholder_429': async (vendor) => {
    const answer = await upload(vendor)
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([429, 'rateLimitExceeded'])
    expect(vendor.runware.uploads()).toEqual([])
  },
  'upload.no_imageUUID': async (vendor) => {
    const answer = await upload(vendor)
    expect([answer.status, Object.keys(dataOf(answer)[0] ?? {})]).toEqual([200, ['taskType', 'taskUUID']])
  },
  'upload.forgotten': async (vendor) => {
    const [uploaded] = dataOf(await upload(vendor))
    const answer = await vendor.post([image({ seedImage: uploaded?.imageUUID })])
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([400, 'mediaExpired'])
  },
  'org.ok': async (vendor) => {
    expect(dataOf(await account(vendor))).toMatchObject([{ operation: 'getDetails', balance: 1_000_000 }])
  },
  'org.zero_credit': async (vendor) => {
    expect(dataOf(await account(vendor))).toMatchObject([{ balance: 0 }])
    expect(dataOf(await account(vendor))).toMatchObject([{ balance: 1_000_000 }])
  },
} satisfies Record<keyof typeof RUNWARE_PUSH_FAULTS, Observe>

describe('a provider that shows', () => {
  for (const [id, observe] of Object.entries(OBSERVED)) {
    test(`${id} shows it on the wire`, async ({ vendor }) => {
      const given = await vendor()
      // Object.entries of a literal gives its own keys.
      given.runware.fault(id as keyof typeof RUNWARE_PUSH_FAULTS)
      await observe(given)
    })
  }

  test('a webhook that is not heard is called again, after 250 ms and then ever later', async ({ vendor }) => {
    const given = await vendor()
    given.sim.receiver.behave({ kind: 'answer', status: 500, times: 2 })
    await called(given, 1)
    const waits = []
    for (let count = 2; count <= 3; count += 1) {
      await expect.poll(() => given.runware.pushes().at(-1)?.status).toBe(500)
      const from = given.sim.clock.now()
      await expect
        .poll(() => {
          given.sim.clock.advance(250)
          return given.runware.pushes().length
        })
        .toBe(count)
      waits.push((given.runware.pushes().at(-1)?.atMs ?? 0) - from)
    }
    expect(waits).toEqual([250, 500])
    await expect.poll(() => given.runware.pushes().at(-1)?.status).toBe(204)
    given.sim.clock.advance(60_000)
    expect(given.runware.pushes()).toHaveLength(3)
  })
})
