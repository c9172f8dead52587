import { expect, test } from 'vitest'
import { laneOf } from './lane-of.ts'

test('every listed model of Runway is a lane; all else stands together', () => {
  expect(['gen4.5', 'gen4_image', 'made_up', 'constructor', undefined].map((model) => laneOf('runway', model))).toEqual(
    ['gen4.5', 'gen4_image', '*', '*', '*'],
  )
  expect(laneOf('runware', 'gen4.5')).toBe('*')
})
