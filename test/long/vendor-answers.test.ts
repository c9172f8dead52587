import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type House, openHouse } from '../house.ts'

const MB = 1024 * 1024
/** What is read of an answer before it is left, and what lies in the sockets between. */
const MOST_SENT_BYTES = 8 * MB
const PIECE_BYTES = 64 * 1024

const ANSWERS = {
  '50 MB of JSON': () => Buffer.from(`{"id":"x","status":"RUNNING","pad":"${'x'.repeat(50 * MB)}"}`),
  'JSON two hundred thousand levels deep': () => Buffer.from(`{"id":${'['.repeat(200_000)}${']'.repeat(200_000)}}`),
}
type Answer = keyof typeof ANSWERS
const NAMES = Object.keys(ANSWERS) as Answer[] // the keys of the literal above

let house: House
let front: Server
/** What the next requests of this kind are answered with, and how often. */
let hostile: { method: string; body: Buffer; left: number } | undefined
let sent: number[] = []
beforeAll(async () => {
  front = createServer((incoming, response) => void answer(incoming, response))
  front.listen(0, '127.0.0.1')
  await once(front, 'listening')
  const { port } = front.address() as AddressInfo // a server that listens on TCP answers with an AddressInfo
  house = await openHouse({
    simulator: { clock: { speed: 1000 } },
    env: {
      SPEED: '1000',
      RUNWAY_BASE_URL: `http://127.0.0.1:${port}`,
      SUBMIT_TIMEOUT_MS: '5000',
      POLL_TIMEOUT_MS: '5000',
    },
  })
})
afterAll(async () => {
  await Promise.all(house.workers.map((worker) => worker.stop()))
  front.closeAllConnections()
  front.close()
  await house.close()
})

/** Says what it was told to say, else what the simulator says. */
async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  if (hostile && hostile.left > 0 && incoming.method === hostile.method) {
    hostile.left -= 1
    incoming.resume()
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': hostile.body.length })
    sent.push(await pour(hostile.body, response))
    return
  }
  const { method = 'GET', url = '/', headers } = incoming
  const onward = request(new URL(url, house.simulator.runway.url), { method, headers }, (theirs) => {
    response.writeHead(theirs.statusCode ?? 502, theirs.headers)
    theirs.pipe(response)
  })
  onward.on('error', () => response.destroy())
  incoming.pipe(onward)
}

/** How much of it was taken. */
async function pour(body: Buffer, response: ServerResponse): Promise<number> {
  const closed = once(response, 'close')
  let from = 0
  for (; from < body.length && !response.destroyed; from += PIECE_BYTES) {
    if (!response.write(body.subarray(from, from + PIECE_BYTES))) await Promise.race([once(response, 'drain'), closed])
  }
  response.end()
  return from
}

function answerWith(name: Answer, method: string, times: number): void {
  hostile = { method, body: ANSWERS[name](), left: times }
  sent = []
}

const settled = async () => {
  const done = hostile?.left ?? 0
  hostile = undefined
  await expect.poll(() => sent.length, { timeout: 5_000 }).toBeGreaterThan(0)
  for (const bytes of sent) expect(bytes).toBeLessThan(MOST_SENT_BYTES)
  return done
}

test.each(NAMES)('37 %s in answer to three looks: they are made again, and the job succeeds (I1, I9)', async (name) => {
  answerWith(name, 'GET', 3)
  const { id } = await house.post({ prompt: `look ${name}` })
  const beside = await house.postRunware({ prompt: `beside ${name}` })
  expect((await house.ended(beside.id)).status).toBe('succeeded')
  expect((await house.ended(id)).status).toBe('succeeded')
  expect(await settled()).toBe(0)
  house.assertHonest()
})

test.each(NAMES)('37 %s in answer to every look ends the job at its deadline (I1, I9)', async (name) => {
  house.simulator.runway.script({ runningMs: 1e9, match: { promptIncludes: 'never seen' } })
  answerWith(name, 'GET', 1_000)
  const { id } = await house.post({ prompt: `never seen ${name}`, deadlines: { throttled_seconds: 1 } })
  expect((await house.ended(id)).error?.code).toBe('throttled_timeout')
  await settled()
  expect(house.simulator.runway.tasks().find(({ marker }) => marker === `never seen ${name}`)?.status).toBe('CANCELLED')
  house.assertHonest()
})

test.each(NAMES)(
  '37 %s in answer to a create: it may have been accepted and is not sent again (I1, I2, I9)',
  async (name) => {
    answerWith(name, 'POST', 1)
    const { id } = await house.post({ prompt: `create ${name}` })
    expect((await house.ended(id)).error?.code).toBe('submission_unknown')
    expect(await settled()).toBe(0)
    expect(house.simulator.runway.ledger().markers[`create ${name}`]).toBeUndefined()
    house.assertHonest()
  },
)
