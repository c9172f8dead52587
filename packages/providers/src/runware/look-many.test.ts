import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lookOutcomes } from './look-outcomes.ts'
import { type FakeVendor, fakeVendor, OTHER, UUID } from './vendor.fixture.ts'

let vendor: FakeVendor
beforeEach(async () => {
  vendor = await fakeVendor()
})
afterEach(() => vendor.close())

const YOUNG = { ageMs: 1_000 }
const video = (more: object = {}) => ({ taskType: 'videoInference', taskUUID: UUID, ...more })
const done = () => video({ status: 'success', videoUUID: 'v', videoURL: 'https://vm/v.mp4' })

describe('many tasks at once', () => {
  const both = [
    { taskId: UUID, ...YOUNG },
    { taskId: OTHER, ...YOUNG },
  ]

  it('are one request, matched by UUID', async () => {
    vendor.answer({ body: { data: [{ ...done(), taskUUID: OTHER }, video({ status: 'processing' })] } })
    const outcomes = await vendor.provider.pollMany?.(both, vendor.call())
    expect(outcomes?.get(OTHER)).toMatchObject({ kind: 'succeeded' })
    expect(outcomes?.get(UUID)).toMatchObject({ kind: 'waiting' })
    expect(vendor.asked).toHaveLength(1)
  })

  it('do not fail of an error that names none of them', async () => {
    vendor.answer({ body: { data: [], errors: [{ code: 'providerError', status: 'error' }] } })
    const outcomes = await vendor.provider.pollMany?.(both, vendor.call())
    expect([...(outcomes?.values() ?? [])]).toMatchObject([{ kind: 'error' }, { kind: 'error' }])
  })

  it('that are lost are looked up together, the others are not', async () => {
    const data = [{ ...done(), taskUUID: OTHER }]
    vendor.answer({ body: { data } }, { body: { data: [] } })
    const third = '00000000-0000-4000-8000-000000000000'
    const outcomes = await vendor.provider.pollMany?.(
      [...both, { taskId: third }].map(({ taskId }) => ({ taskId })),
      vendor.call(),
    )
    expect(vendor.asked[1]?.tasks.map(({ taskUUID }) => taskUUID)).toEqual([UUID, third])
    expect(Object.fromEntries(outcomes ?? [])).toMatchObject({
      [UUID]: { kind: 'missing' },
      [third]: { kind: 'missing' },
      [OTHER]: { kind: 'succeeded' },
    })
  })

  it('are at most twenty', async () => {
    const looks = Array.from({ length: 21 }, (_, index) => ({ taskId: String(index) }))
    await expect(vendor.provider.pollMany?.(looks, vendor.call())).rejects.toThrow(RangeError)
    expect(await vendor.provider.pollMany?.([], vendor.call())).toEqual(new Map())
    expect(vendor.asked).toHaveLength(0)
  })

  it('get the same outcomes in whatever order and company the answer comes', () => {
    const ids = Array.from({ length: 6 }, (_, index) => `00000000-0000-4000-8000-00000000000${index}`)
    const item = fc.record(
      {
        taskUUID: fc.constantFrom(...ids, OTHER),
        status: fc.constantFrom('success', 'processing', 'error', 'odd'),
        videoURL: fc.constantFrom('https://a', 'https://b'),
        progress: fc.double(),
        seed: fc.integer(),
        junk: fc.jsonValue(),
      },
      { requiredKeys: ['taskUUID'] },
    )
    const outcomesOf = (data: unknown[]) => {
      const result = { kind: 'answered', status: 200, headers: {}, text: JSON.stringify({ data }) } as const
      return lookOutcomes(
        result,
        ids.map((taskId) => ({ taskId })),
        0,
      )
    }
    const essence = (outcomes: ReturnType<typeof outcomesOf>) =>
      ids.map((id) => {
        const outcome = outcomes.get(id)
        return outcome?.kind === 'succeeded' ? outcome.urls.toSorted() : outcome?.kind
      })
    fc.assert(
      fc.property(
        fc
          .array(fc.oneof(item, fc.jsonValue()), { maxLength: 12 })
          .chain((data) => fc.tuple(fc.constant(data), fc.shuffledSubarray(data, { minLength: data.length }))),
        ([data, shuffled]) => {
          expect(essence(outcomesOf(shuffled))).toEqual(essence(outcomesOf(data)))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('never throw, whatever the answer', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.jsonValue().map((data) => JSON.stringify({ data, errors: data })),
        ),
        fc.integer({ min: 200, max: 599 }),
        (text, status) => {
          const outcomes = lookOutcomes({ kind: 'answered', status, headers: {}, text }, both, 0)
          expect([...outcomes.keys()]).toEqual([UUID, OTHER])
        },
      ),
      { numRuns: 300 },
    )
  })
})
