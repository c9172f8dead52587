import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { IntakeFixture, PNG } from './intake-fixture.ts'

const MB = 1_048_576
const PIECE = Buffer.alloc(65_536, 'A')

let fixture: IntakeFixture
beforeEach(async () => {
  fixture = await IntakeFixture.open()
})
afterEach(() => fixture[Symbol.asyncDispose]())

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

function heldBytes(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/**
 * The body is made while it is read, so that the test itself holds none of it. What is held is asked 25 times; a few
 * pieces that the collector frees a moment later are counted too.
 */
async function peakGrowth(contentType: string, head: Buffer, bytes: number, tail: string) {
  const before = heldBytes()
  let peak = before
  let left = bytes
  let askBelow = bytes
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(Uint8Array.from(head)),
    pull(controller) {
      if (left <= askBelow) {
        peak = Math.max(peak, heldBytes())
        askBelow -= bytes / 25
      }
      const piece = Uint8Array.from(PIECE.subarray(0, left))
      left -= piece.byteLength
      if (piece.byteLength > 0) return controller.enqueue(piece)
      controller.enqueue(Uint8Array.from(Buffer.from(tail)))
      controller.close()
    },
  })
  const intake = await fixture.read(body, contentType)
  return { growth: peak - before, intake }
}

test('a data URI of 20 MB in JSON is never held whole', async () => {
  const head = Buffer.from(
    `{"input_reference":{"image_url":"data:image/png;base64,${PNG.toString('base64').slice(0, 256)}`,
  )
  const { growth, intake } = await peakGrowth('application/json', head, 20 * MB - 1024, '"}}')
  expect(intake.inputs).toMatchObject([{ bytes: ((20 * MB - 1024 + 256) / 4) * 3 }])
  expect(growth).toBeLessThan(8 * MB)
})

test('a data URI of 20 MB in a text part is never held whole', async () => {
  const part = '--b\r\nContent-Disposition: form-data; name="input_reference"\r\n\r\n'
  const head = Buffer.from(`${part}data:image/png;base64,${PNG.toString('base64').slice(0, 256)}`)
  const { growth, intake } = await peakGrowth('multipart/form-data; boundary=b', head, 20 * MB - 1024, '\r\n--b--')
  expect(intake.value).toEqual({ input_reference: { $input: 0 } })
  expect(growth).toBeLessThan(8 * MB)
})

test('a file of 200 MB is never held whole', async () => {
  const part = '--b\r\nContent-Disposition: form-data; name="v"; filename="a.png"\r\n\r\n'
  const head = Buffer.concat([Buffer.from(part), PNG])
  const { growth, intake } = await peakGrowth(
    'multipart/form-data; boundary=b',
    head,
    200 * MB - PNG.byteLength,
    '\r\n--b--',
  )
  expect(intake.inputs).toMatchObject([{ bytes: 200 * MB }])
  expect(growth).toBeLessThan(32 * MB)
})
