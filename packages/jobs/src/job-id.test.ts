import { JobId } from '@genqueue/contract'
import { expect, test } from 'vitest'
import { newJobId } from './job-id.ts'

test('ids are well formed, sort by time and do not repeat', () => {
  const ids = Array.from({ length: 50_000 }, (_, n) => newJobId(1_760_000_000_000 + n))
  expect(ids.every((id) => JobId.safeParse(id).success)).toBe(true)
  expect(ids.toSorted()).toEqual(ids)
  const sameMoment = Array.from({ length: 50_000 }, () => newJobId(1_760_000_000_000))
  expect(new Set(sameMoment).size).toBe(50_000)
  // Every character of the alphabet turns up in the random part.
  expect(new Set(sameMoment.slice(0, 500).flatMap((id) => [...id.slice(14)])).size).toBe(32)
})
