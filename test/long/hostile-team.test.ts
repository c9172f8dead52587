import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { type House, OTHER_TEAM_KEY, openHouse } from '../house.ts'
import { leakedKeys, settled } from '../proof/stuck.ts'

/** A job takes two seconds and a half. */
const SPEED = 10
const FLOOD = 2_000
const AT_ONCE = 16
const PAUSE_MS = 100
const MOST_IN_FLIGHT = 50
const OWN_JOBS = 20
const OWN_EVERY_MS = 150
/** Everybody shares this process; a call that is late because of it is none that failed. */
const PATIENT = { SPEED: String(SPEED), SUBMIT_TIMEOUT_MS: '20000', POLL_TIMEOUT_MS: '10000' }
const DEEP = `{"provider":"runway","input":${'['.repeat(50_000)}${']'.repeat(50_000)}}`
const LONG = 'x'.repeat(250_000)

test('47 a team floods with jobs that call back a black hole, prompts of 250 KB and deep JSON: it is refused at its limit, and nobody else waits (I8, I9, I11)', async () => {
  const house = await openHouse({
    workers: 2,
    env: PATIENT,
    simulator: { clock: { speed: SPEED }, runway: { concurrency: null } },
  })
  onTestFinished(() => house.close())
  const hole = await openHole()
  onTestFinished(hole.close)
  const limits = { limits: { jobs_in_flight: MOST_IN_FLIGHT } }
  expect((await house.call('PATCH', '/api/teams/other', limits)).status).toBe(200)

  const alone = await ownJobs(house)
  const flooded: string[] = []
  const flood = Promise.all(Array.from({ length: AT_ONCE }, (_, lane) => floodIn(lane)))
  const beside = await ownJobs(house)
  await flood

  const counted = Map.groupBy(flooded, (answer) => answer)
  const told = [...counted].map(([answer, all]) => `${all.length} × ${answer}`).toSorted()
  console.log(`p95 from request to webhook: ${alone} ms alone, ${beside} ms beside ${told.join(', ')}`)
  const refusals = ['400 invalid_request', '400 json_too_deep', '429 too_many_jobs']
  // A process that is too busy to know answers 503.
  expect(['202', ...refusals, '503 unavailable']).toEqual(expect.arrayContaining([...counted.keys()]))
  expect([...counted.keys()]).toEqual(expect.arrayContaining(refusals))
  // A machine that is busy with the flood itself is not quite the same machine.
  expect(beside).toBeLessThan(2 * alone + 1_000)
  expect(hole.most()).toBeLessThanOrEqual(MOST_IN_FLIGHT)
  const nothing = async () => await settled(() => leakedKeys(house.redis.url, house.env.KEY_PREFIX ?? ''), 30_000)
  expect(await nothing()).toEqual([])
  house.assertHonest()

  async function floodIn(lane: number): Promise<void> {
    for (let n = lane; n < FLOOD; n += AT_ONCE) {
      const input = { model: 'gen4.5', promptText: n % 10 === 1 ? LONG : `flood ${n}`, ratio: '1280:720', duration: 5 }
      const job = { provider: 'runway', operation: 'text_to_video', input, webhook_url: hole.url }
      const answer = await fetch(`${house.api.url}/v1/jobs`, {
        method: 'POST',
        headers: { authorization: `Bearer ${OTHER_TEAM_KEY}`, 'content-type': 'application/json' },
        body: n % 10 === 0 ? DEEP : JSON.stringify(job),
      })
      const { code = '' } = (await answer.json()) as { code?: string } // only compared
      flooded.push(`${answer.status} ${code}`.trim())
      await sleep(PAUSE_MS)
    }
  }
}, 120_000)

/** Jobs of the other team, one after the other; the 95th percentile from the request to the webhook. */
async function ownJobs(house: House): Promise<number> {
  const took: Promise<number>[] = []
  for (let n = 0; n < OWN_JOBS; n += 1) {
    took.push(ownJob(house))
    await sleep(OWN_EVERY_MS)
  }
  const sorted = (await Promise.all(took)).toSorted((a, b) => a - b)
  return sorted[Math.floor(OWN_JOBS * 0.95)] ?? Number.NaN
}

async function ownJob(house: House): Promise<number> {
  const beganMs = Date.now()
  const { id } = await house.post({ prompt: `own ${beganMs}` })
  const isOurs = ({ headers }: { headers: Record<string, unknown> }) => headers['webhook-id'] === `msg_${id.slice(4)}`
  const { receivedAtMs } = await house.simulator.receiver.waitFor(isOurs, { timeoutMs: 30_000 })
  expect(await house.get(id)).toMatchObject({ status: 'succeeded', error: null })
  return receivedAtMs - beganMs
}

/** Takes connections and what is written to them, and says nothing. */
async function openHole() {
  const sockets = new Set<Socket>()
  let most = 0
  const server = createServer((socket) => {
    sockets.add(socket)
    most = Math.max(most, sockets.size)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // a server that listens on TCP answers with an AddressInfo
  const close = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { url: `http://127.0.0.1:${port}/hook`, most: () => most, close }
}
