import { expect, test } from 'vitest'
import { FreshCache } from './fresh-cache.ts'

function open({ maxEntries = 3 } = {}) {
  const state = { nowMs: 0, isHearing: true, loads: [] as string[] }
  const stored = new Map([
    ['a', 1],
    ['b', 2],
    ['c', 3],
    ['d', 4],
  ])
  const waiting: (() => void)[] = []
  let isHeld = false
  const cache = new FreshCache<number>({
    async load(id) {
      state.loads.push(id)
      const value = stored.get(id)
      if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
      return value
    },
    isHearing: () => state.isHearing,
    now: () => state.nowMs,
    maxEntries,
  })
  const hold = (held: boolean) => {
    isHeld = held
    for (const go of waiting.splice(0)) go()
  }
  return { cache, state, stored, hold }
}

test('what was read on its way to a change is given to who waits and kept for nobody', async () => {
  const { cache, stored, hold } = open()
  hold(true)
  const early = cache.get('a')
  stored.set('a', 10)
  cache.drop('a')
  const late = cache.get('a')
  hold(false)
  expect([await early, await late, await cache.get('a')]).toEqual([1, 10, 10])
})

test('half a minute while changes are heard, half a second while not, five seconds for what is not there', async () => {
  const { cache, state } = open()
  const readAt = async (nowMs: number, id: string) => {
    state.nowMs = nowMs
    state.loads = []
    await cache.get(id)
    return state.loads.length
  }
  expect([await readAt(0, 'a'), await readAt(29_999, 'a'), await readAt(30_000, 'a')]).toEqual([1, 0, 1])
  expect([await readAt(30_000, 'x'), await readAt(34_999, 'x'), await readAt(35_000, 'x')]).toEqual([1, 0, 1])
  state.isHearing = false
  expect([await readAt(35_000, 'a'), await readAt(35_499, 'a'), await readAt(35_500, 'a')]).toEqual([1, 0, 1])
})

test('it is bounded, and what is not there pushes out nothing that is', async () => {
  const { cache, state } = open()
  for (const id of ['a', 'b', 'c']) await cache.get(id)
  for (let n = 0; n < 2_000; n += 1) await cache.get(`x${n}`)
  state.loads = []
  for (const id of ['a', 'b', 'c', 'd', 'b']) await cache.get(id)
  await cache.get('a')
  expect(state.loads).toEqual(['d', 'a'])
  await cache.get('x0')
  expect(state.loads).toEqual(['d', 'a', 'x0'])
})

test('a failed read is told to all who wait and tried again by the next', async () => {
  let isAway = true
  const cache = new FreshCache<number>({
    load: async () => {
      if (isAway) throw new Error('away')
      return 1
    },
    isHearing: () => true,
  })
  const both = await Promise.allSettled([cache.get('a'), cache.get('a')])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  isAway = false
  expect(await cache.get('a')).toBe(1)
})
