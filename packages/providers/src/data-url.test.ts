import fc from 'fast-check'
import { expect, it } from 'vitest'
import { readDataUrl, textDataUrl } from './data-url.ts'

it('text survives the way into a data URL and back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const read = readDataUrl(textDataUrl(text))
      expect([read?.contentType, read?.bytes.toString()]).toEqual(['text/plain', Buffer.from(text).toString()])
    }),
  )
})

it.each([
  ['data:image/png;base64,AAEC', 'image/png', '000102'],
  ['data:,a%20b', 'text/plain', '612062'],
  ['DATA:text/plain;charset=utf-8,a', 'text/plain', '61'],
])('%s is read', (url, contentType, hex) => {
  expect(readDataUrl(url)).toEqual({ contentType, bytes: Buffer.from(hex, 'hex') })
})

it.each(['https://a.example', 'data:image/png;base64', 'data:,%'])('%s is none that can be read', (url) => {
  expect(readDataUrl(url)).toBeUndefined()
})
