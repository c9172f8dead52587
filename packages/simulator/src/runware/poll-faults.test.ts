import { describe, expect } from 'vitest'
import type { FaultArgs } from '../fault-args.ts'
import { download } from '../simulation.fixture.ts'
import type { RUNWARE_POLL_FAULTS } from './poll-faults.ts'
import { dataOf, errorsOf, test, type Vendor } from './vendor.fixture.ts'

type Observe = (vendor: Vendor, uuid: string) => Promise<void>

/** The time of the task passes. */
const finish = ({ sim }: Vendor): void => sim.clock.advance(12_000)
const first = async (vendor: Vendor, uuid: string) => dataOf(await vendor.poll(uuid))[0] ?? {}
/** What polls a second apart see. */
async function seen(vendor: Vendor, uuid: string, polls: number) {
  const items = []
  for (let count = 0; count < polls; count += 1) {
    items.push(await first(vendor, uuid))
    vendor.sim.clock.advance(1000)
  }
  return items
}
async function expectSuccess(vendor: Vendor, uuid: string): Promise<void> {
  finish(vendor)
  expect(await first(vendor, uuid)).toMatchObject({ status: 'success', videoURL: expect.any(String) })
}
const ends =
  (item: object): Observe =>
  async (vendor, uuid) => {
    expect((await first(vendor, uuid)).status).toBe('processing')
    finish(vendor)
    expect(await first(vendor, uuid)).toMatchObject(item)
    expect(await first(vendor, uuid), 'the same on every poll').toMatchObject(item)
  }
const errs =
  (error: object): Observe =>
  async (vendor, uuid) => {
    finish(vendor)
    const answer = await vendor.poll(uuid)
    expect(dataOf(answer)).toEqual([])
    expect(errorsOf(answer)).toMatchObject([{ taskUUID: uuid, ...error }])
    expect(vendor.runware.ledger()).toMatchObject({ costUsd: 0, entries: [{ charges: 0, status: 'error' }] })
  }
const interrupted =
  (status: number, code: string): Observe =>
  async (vendor, uuid) => {
    const answer = await vendor.poll(uuid)
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([status, code])
    await expectSuccess(vendor, uuid)
  }
const unknown =
  (code: string): Observe =>
  async (vendor, uuid) => {
    finish(vendor)
    const answer = await vendor.poll(uuid)
    expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([404, code])
    const [details] = dataOf(await vendor.details(uuid))
    expect(details?.response).toMatchObject({ data: [{ status: 'success' }] })
  }

const OBSERVED = {
  'poll.progress': async (vendor, uuid) => {
    const progress = (await seen(vendor, uuid, 7)).map((item) => item.progress)
    expect(progress).toEqual([0, undefined, 45, 45, 20, 100, 170])
  },
  'poll.status_flap': async (vendor, uuid) => {
    expect((await seen(vendor, uuid, 3)).map(({ status }) => status)).toEqual(['processing', 'pending', 'processing'])
  },
  'poll.unknown_status': async (vendor, uuid) => {
    expect((await seen(vendor, uuid, 2)).map(({ status }) => status)).toEqual(['FOO', 'processing'])
  },
  'poll.status_lowercase': async (vendor, uuid) => {
    expect((await first(vendor, uuid)).status).toBe('PROCESSING')
    finish(vendor)
    expect((await first(vendor, uuid)).status).toBe('SUCCESS')
  },
  'poll.canceled_spelling': ends({ status: 'canceled', error: { code: 'taskCancelled' } }),
  'poll.5xx': interrupted(503, 'serviceUnavailable'),
  'poll.429': interrupted(429, 'rateLimitExceeded'),
  'poll.hang': async (vendor, uuid) => {
    await expect(vendor.poll(uuid, { signal: AbortSignal.timeout(100) })).rejects.toThrow('timeout')
    await expectSuccess(vendor, uuid)
  },
  'poll.drop': async (vendor, uuid) => {
    await expect(vendor.poll(uuid)).rejects.toThrow('fetch failed')
    await expectSuccess(vendor, uuid)
  },
  'poll.html': async (vendor, uuid) => {
    expect((await vendor.poll(uuid)).bytes.toString()).toMatch(/^<!doctype html>/)
    await expectSuccess(vendor, uuid)
  },
  'poll.truncated': async (vendor, uuid) => {
    expect((await vendor.poll(uuid)).bytes.toString()).toMatch(/^\{"data":\[\{[^}]*$/)
    await expectSuccess(vendor, uuid)
  },
  'poll.401_midway': async (vendor, uuid) => {
    expect((await vendor.poll(uuid)).status).toBe(200)
    expect((await vendor.poll(uuid)).status).toBe(401)
    await expectSuccess(vendor, uuid)
  },
  'poll.stuck': async (vendor, uuid) => {
    vendor.sim.clock.advance(1e9)
    expect((await first(vendor, uuid)).status).toBe('processing')
    expect(vendor.runware.ledger().costUsd).toBe(0)
  },
  'poll.cost': ends({ status: 'success', cost: 0 }),
  'poll.terminal_flip': async (vendor, uuid) => {
    await expectSuccess(vendor, uuid)
    expect((await seen(vendor, uuid, 2)).map(({ status }) => status)).toEqual(['processing', 'processing'])
  },
  'poll.empty_data': async (vendor, uuid) => {
    expect((await vendor.poll(uuid)).json).toEqual({ data: [] })
    await expectSuccess(vendor, uuid)
  },
  'poll.pending_word': async (vendor, uuid) => {
    expect((await first(vendor, uuid)).status).toBe('pending')
    await expectSuccess(vendor, uuid)
  },
  'poll.item_error': ends({ status: 'error', error: { code: 'providerError', message: expect.any(String) } }),
  'poll.errors_array': errs({ code: 'providerError', status: 'error' }),
  'poll.partial': async (vendor) => {
    vendor.runware.fault('poll.partial')
    const { uuid } = await vendor.video({ numberResults: 3 })
    finish(vendor)
    const early = await vendor.poll(uuid)
    expect(dataOf(early).map(({ status }) => status)).toEqual(['success', 'processing'])
    expect(errorsOf(early)).toMatchObject([{ code: 'providerError', status: 'error', taskUUID: uuid }])
    vendor.sim.clock.advance(5000)
    expect(dataOf(await vendor.poll(uuid)).map(({ status }) => status)).toEqual(['success', 'success'])
    expect(vendor.runware.ledger().entries.at(-1)).toMatchObject({ status: 'partial', charges: 2, costUsd: 0.9 })
  },
  'poll.success_no_asset': async (vendor, uuid) => {
    finish(vendor)
    const item = await first(vendor, uuid)
    expect(item.status).toBe('success')
    expect(item).not.toHaveProperty('videoURL')
  },
  'poll.success_nsfw': ends({ status: 'success', NSFWContent: true, videoURL: expect.any(String) }),
  'poll.missing_status_with_asset': async (vendor, uuid) => {
    finish(vendor)
    const item = await first(vendor, uuid)
    expect(item).toMatchObject({ videoURL: expect.any(String) })
    expect(item).not.toHaveProperty('status')
  },
  'poll.taskNotFound': unknown('taskNotFound'),
  'poll.taskExpired': unknown('taskExpired'),
  'poll.bigint_seed': async (vendor, uuid) => {
    finish(vendor)
    expect((await vendor.poll(uuid)).bytes.toString()).toContain('"seed":9223372036854775807,')
  },
  'poll.param_array': errs({ parameter: ['width', 'height', 'referenceImages'], type: 'integer|array' }),
  'poll.foreign_uuid': async (vendor, uuid) => {
    const items = dataOf(await vendor.poll(uuid))
    expect(items).toMatchObject([{ taskUUID: uuid, status: 'processing' }, { status: 'success' }])
    expect(items[1]?.taskUUID).not.toBe(uuid)
  },
  'poll.wrong_task_type': ends({ taskType: 'getResponse', status: 'success' }),
  'poll.duplicate_items': async (vendor, uuid) => {
    finish(vendor)
    const items = dataOf(await vendor.poll(uuid))
    expect([items.length, new Set(items.map(({ videoUUID }) => videoUUID)).size]).toEqual([2, 1])
    expect(vendor.runware.ledger().entries).toMatchObject([{ charges: 1 }])
  },
  'dl.ok': async (vendor, uuid) => {
    finish(vendor)
    const { bytes } = await download(String((await first(vendor, uuid)).videoURL))
    const { bytes: expected, contentType } = vendor.runware.expectedOutput(uuid)
    expect([bytes.equals(expected), contentType]).toEqual([true, 'video/mp4'])
  },
} satisfies Record<keyof typeof RUNWARE_POLL_FAULTS, Observe>

async function ended(vendor: Vendor, id: keyof typeof RUNWARE_POLL_FAULTS, args: FaultArgs) {
  vendor.runware.fault(id, args)
  const { uuid } = await vendor.video()
  finish(vendor)
  return { item: await first(vendor, uuid), uuid }
}

describe('a poll that meets', () => {
  for (const [id, observe] of Object.entries(OBSERVED)) {
    test(`${id} shows it on the wire`, async ({ vendor }) => {
      const given = await vendor()
      // Object.entries of a literal gives its own keys.
      given.runware.fault(id as keyof typeof RUNWARE_POLL_FAULTS)
      const { uuid } = await given.video()
      await observe(given, uuid)
    })
  }

  test('its arguments shows them: a cost that is missing, NSFW without a URL, an output of 40,000 bytes', async ({
    vendor,
  }) => {
    const given = await vendor()
    expect((await ended(given, 'poll.cost', { cost: 'missing' })).item).not.toHaveProperty('cost')
    expect((await ended(given, 'poll.success_nsfw', { url: false })).item).not.toHaveProperty('videoURL')
    const { uuid } = await ended(given, 'dl.ok', { size: 40_000 })
    expect(given.runware.expectedOutput(uuid).bytes.length).toBeGreaterThanOrEqual(40_000)
    expect((await ended(given, 'poll.errors_array', { code: 'timeoutProvider' })).item).toEqual({})
  })

  test('a bad answer to one task of a batch gives the whole request that answer', async ({ vendor }) => {
    const given = await vendor()
    given.runware.fault('poll.5xx')
    const uuids = [(await given.video()).uuid, (await given.video()).uuid]
    const polls = uuids.map((taskUUID) => ({ taskType: 'getResponse', taskUUID }))
    expect((await given.post(polls)).status).toBe(503)
    expect(dataOf(await given.post(polls)).map(({ taskUUID }) => taskUUID)).toEqual(uuids)
  })
})
