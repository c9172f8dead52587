import { randomUUID } from 'node:crypto'
import { describe, expect } from 'vitest'
import { download } from '../simulation.fixture.ts'
import { dataOf, errorsOf, image, test, type Vendor, video } from './vendor.fixture.ts'

const kinds = ({ sim }: Vendor) => sim.violations().map(({ kind }) => kind)
const DAY_MS = 24 * 60 * 60 * 1000

describe('over time Runware', () => {
  test('shows progress, then the same results on every poll, then nothing, and the details for ever', async ({
    vendor,
  }) => {
    const given = await vendor()
    const { uuid } = await given.video({ numberResults: 2 })
    const progress = []
    for (let second = 0; second < 12; second += 1) {
      progress.push(dataOf(await given.poll(uuid))[0]?.progress)
      given.sim.clock.advance(1000)
    }
    expect(progress).toEqual([0, 8, undefined, 25, 33, undefined, 50, 58, undefined, 75, 83, undefined])
    const results = dataOf(await given.poll(uuid))
    expect(new Set(results.map(({ videoUUID }) => videoUUID)).size).toBe(2)
    given.sim.clock.advance(60_000)
    expect(dataOf(await given.poll(uuid))).toEqual(results)
    given.sim.clock.advance(60 * 60 * 1000)
    expect((await given.poll(uuid)).json).toEqual({ data: [] })
    given.sim.clock.advance(365 * DAY_MS)
    const [details] = dataOf(await given.details(uuid))
    expect(details).toMatchObject({ request: [{ taskUUID: uuid }], response: { data: results } })
    expect(errorsOf(await given.post([video({ taskUUID: uuid })]))).toMatchObject([{ code: 'conflictTaskUUID' }])
    expect(given.runware.ledger()).toMatchObject({ costUsd: 0.9, entries: [{ charges: 2, requests: 2 }] })
  })

  test('answers polls of tasks that are unknown, or of another key, with nothing', async ({ vendor }) => {
    const given = await vendor()
    const { uuid } = await given.video()
    given.runware.addKey('another-key')
    expect((await given.poll(uuid, { key: 'another-key' })).json).toEqual({ data: [] })
    expect((await given.poll(randomUUID())).json).toEqual({ data: [] })
    expect(errorsOf(await given.details(randomUUID()))).toMatchObject([{ code: 'taskNotFound' }])
  })

  test('serves an output from the moment it is there until its ttl is over', async ({ vendor }) => {
    const given = await vendor()
    const { url } = await given.finished({ ttl: 60 })
    expect((await download(url)).status).toBe(200)
    given.sim.clock.advance(60_000)
    expect((await download(url)).status).toBe(403)
  })

  test('forgets an upload thirty days after its last use', async ({ vendor }) => {
    const given = await vendor()
    const upload = { taskType: 'imageUpload', taskUUID: randomUUID(), image: 'https://example.com/a.png' }
    const [uploaded] = dataOf(await given.post([upload]))
    const use = () => given.post([image({ seedImage: uploaded?.imageUUID, deliveryMethod: 'async' })])
    for (let count = 0; count < 2; count += 1) {
      given.sim.clock.advance(29 * DAY_MS)
      expect((await use()).status).toBe(200)
    }
    given.sim.clock.advance(31 * DAY_MS)
    expect(errorsOf(await use())).toMatchObject([{ code: 'mediaExpired', parameter: 'seedImage' }])
  })

  test('holds back a waiting answer until the bytes are at the uploadEndpoint', async ({ vendor }) => {
    const given = await vendor()
    const task = image({ uploadEndpoint: `${given.sim.receiver.url}/put` })
    const answer = given.post([task])
    await expect.poll(() => given.runware.tasks()).toHaveLength(1)
    given.sim.clock.advance(800)
    expect((await answer).status).toBe(200)
    const { bytes } = given.runware.expectedOutput(task.taskUUID)
    expect(given.sim.receiver.deliveries('/put').map(({ body }) => body.equals(bytes))).toEqual([true])
  })
})

describe('Runware in trouble', () => {
  test('keeps UUIDs taken and forgets all else in a restart that loses tasks', async ({ vendor }) => {
    const given = await vendor()
    const { uuid } = await given.finished()
    given.runware.restart('lose')
    const poll = () => given.poll(uuid).catch(() => undefined)
    // The first one may still go through a connection that the restart has cut.
    await expect.poll(async () => (await poll())?.json).toEqual({ data: [] })
    expect(errorsOf(await given.details(uuid))).toMatchObject([{ code: 'taskNotFound' }])
    expect((await given.post([video({ taskUUID: uuid })])).status).toBe(400)
  })

  test('refuses what the account cannot pay, what the queue cannot take and everything while it is down', async ({
    vendor,
  }) => {
    const given = await vendor()
    given.runware.setBalance(0.5)
    expect((await given.video()).status).toBe(200)
    expect(errorsOf(await given.video())).toMatchObject([{ code: 'insufficientCredits' }])
    given.runware.setBalance(100)
    given.runware.setConcurrency(1, 'klingai:5@3')
    expect([(await given.video()).status, (await given.video({ model: 'runway:1@1' })).status]).toEqual([429, 200])
    given.sim.clock.advance(12_000)
    expect((await given.video()).status).toBe(200)
    given.runware.down(1000)
    const answer = await given.video()
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([503, 'serviceUnavailable'])
  })

  test('may accept tasks whose answers are lost in a brownout', async ({ vendor }) => {
    const given = await vendor()
    given.runware.brownout(1, 'seed', { lossy: true })
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => given.video()))
    const heard = outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value.status === 200)
    expect(heard).toEqual([])
    expect(given.runware.tasks().length).toBeGreaterThan(0)
    expect(given.runware.tasks().length).toBeLessThan(12)
  })
})

describe('the watch over Runware clients', () => {
  test('notes polls that come too soon and requests with too many tasks', async ({ vendor }) => {
    const given = await vendor()
    const { uuid } = await given.video()
    await given.poll(uuid)
    given.sim.clock.advance(900)
    await given.poll(uuid)
    expect(kinds(given)).toEqual([])
    given.sim.clock.advance(899)
    await given.poll(uuid)
    await given.post(Array.from({ length: 20 }, () => ({ taskType: 'ping' })))
    expect(kinds(given)).toEqual(['poll_too_soon'])
    await given.post(Array.from({ length: 21 }, () => ({ taskType: 'ping' })))
    expect(kinds(given)).toEqual(['poll_too_soon', 'too_many_tasks'])
  })

  test('notes the same task under another UUID right after an unknown outcome, and not under the same', async ({
    vendor,
  }) => {
    const given = await vendor()
    for (const [changes, waitMs, noted] of [
      ['same', 0, 0],
      ['another', 1000, 0],
      ['another', 999, 1],
    ] as const) {
      given.runware.fault('create.accept_then_drop')
      const task = video({ positivePrompt: `a lake after ${waitMs}` })
      await expect(given.post([task])).rejects.toThrow()
      given.sim.clock.advance(waitMs)
      await given.post([changes === 'same' ? task : { ...task, taskUUID: randomUUID() }])
      expect(kinds(given).length).toBe(noted)
    }
    expect(given.sim.violations()).toMatchObject([{ kind: 'create_retried_blindly' }])
  })
})
