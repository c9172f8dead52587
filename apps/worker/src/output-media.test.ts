import { expect, test } from 'vitest'
import { outputMedia } from './output-media.ts'

const SVG = '<svg xmlns="http://www.w3.org/2000/svg"></svg>'
const GLB = 'glTF\x02\0\0\0'
const PNG = '\x89PNG\r\n\x1a\n\0\0\0\rIHDR'
const VECTORIZE = { operation: 'vectorize', kind: 'image' } as const
const MODEL = { operation: '3dInference', kind: 'model3d' } as const
const IMAGE = { operation: 'imageInference', kind: 'image' } as const

const typeOf = (head: string, origin: Parameters<typeof outputMedia>[2], declared?: string) =>
  outputMedia(Buffer.from(head, 'latin1'), declared, origin)?.contentType

test.each([
  SVG,
  `<?xml version="1.0" encoding="UTF-8"?>\n<!-- made by a machine -->\n${SVG}`,
  `\n <!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x">${SVG}`,
])('a drawing is taken from vectorize, and from nothing else: %j', (head) => {
  expect(typeOf(head, VECTORIZE, 'image/svg+xml')).toBe('image/svg+xml')
  expect(typeOf(head, IMAGE, 'image/svg+xml')).toBeUndefined()
  expect(typeOf(head, MODEL)).toBeUndefined()
})

test('a page is no drawing, wherever it comes from', () => {
  for (const head of ['<!doctype html><svg></svg>', '<html><svg>', '<svgx>', 'svg']) {
    expect(typeOf(head, VECTORIZE)).toBeUndefined()
  }
})

test('a 3D model is taken from work that makes one', () => {
  expect(typeOf(GLB, MODEL, 'application/octet-stream')).toBe('model/gltf-binary')
  expect(typeOf(GLB, IMAGE)).toBeUndefined()
})

test('an image declared as a video is a wrong file, and one declared as nothing in particular is not', () => {
  expect(typeOf(PNG, IMAGE, 'video/mp4')).toBeUndefined()
  expect(typeOf(PNG, IMAGE, 'application/octet-stream')).toBe('image/png')
})
