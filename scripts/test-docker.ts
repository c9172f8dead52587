import { strict as assert } from 'node:assert'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseEnv } from 'node:util'
import { isTerminal, JobResource, verifyWebhook, WebhookEvent } from '@genqueue/contract'
import { type DockerHouse, dockerHouse } from './docker-house.ts'
import { ROOT } from './source-files.ts'

// Runs the image and docker-compose.yml for real against the simulator and proves what docs/deployment.md promises.
const { ADMIN_API_KEY = '', WEBHOOK_SECRET = '' } = parseEnv(readFileSync(join(ROOT, 'deploy/simulator.env'), 'utf8'))
const headers = { authorization: `Bearer ${ADMIN_API_KEY}`, 'content-type': 'application/json' }

type Promised = { name: string; prove(house: DockerHouse): Promise<void> }

const PROMISES: readonly Promised[] = [
  {
    name: 'Redis, the API, three workers and the simulator come up and report healthy',
    async prove({ docker, compose, containers }) {
      await compose('up', '-d', '--no-build', '--scale', 'worker=3')
      for (const [service, count] of Object.entries({ redis: 1, api: 1, worker: 3, simulator: 1 })) {
        const ids = await containers(service)
        assert.equal(ids.length, count, `containers of ${service}`)
        for (const id of ids) {
          const health = () => docker('inspect', '-f', '{{.State.Health.Status}}', id)
          await until(`${service} is healthy`, async () => (await health()).trim() === 'healthy')
        }
      }
    },
  },
  {
    name: 'nothing runs as root, can write outside /tmp or holds tests and development tools',
    async prove({ docker, containers }) {
      for (const service of ['api', 'worker', 'simulator']) {
        const [id = ''] = await containers(service)
        assert.equal((await docker('exec', id, 'id', '-u')).trim(), '10001')
        await assert.rejects(docker('exec', id, 'touch', '/app/x'), /Read-only file system/)
        await docker('exec', id, 'touch', '/tmp/x')
        const unwanted = await docker('exec', id, 'sh', '-c', UNWANTED)
        assert.equal(unwanted, '')
      }
    },
  },
  {
    name: 'a video is made, its webhook verifies and its bytes have the promised SHA-256',
    async prove(house) {
      const id = await postVideo(house, '/first')
      await proveDelivered(house, id, '/first')
    },
  },
  {
    name: 'with one worker killed and one ended in the middle, the third finishes; each job is created once',
    async prove(house) {
      const { docker, containers } = house
      const ids = await Promise.all(Array.from({ length: 4 }, () => postVideo(house, '/crash')))
      for (const id of ids) await until(`${id} runs`, async () => (await getJob(house, id)).task_id !== null)
      const [killed = '', ended = ''] = await containers('worker')
      await docker('kill', '-s', 'KILL', killed)
      await docker('kill', '-s', 'TERM', ended)
      const state = () => docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', ended)
      await until('the worker ends after SIGTERM', async () => (await state()).startsWith('exited'), 90_000)
      assert.equal((await state()).trim(), 'exited 0')
      for (const id of ids) await proveDelivered(house, id, '/crash')
      assert.deepEqual(await control(house, 'violations'), [])
      const tasks = await control(house, 'tasks')
      assert.ok(Array.isArray(tasks))
      assert.equal(tasks.length, 5, 'tasks made at the vendor by five jobs')
    },
  },
  {
    name: 'a job that was accepted outlives kill -9 of Redis; the API says 503 meanwhile',
    async prove(house) {
      const { docker, compose, containers } = house
      const id = await postVideo(house, '/redis')
      const [redis = ''] = await containers('redis')
      await docker('kill', '-s', 'KILL', redis)
      await until('the API is not ready', async () => (await fetch(`${house.apiUrl}/readyz`)).status === 503)
      assert.equal((await fetch(`${house.apiUrl}/v1/jobs/${id}`, { headers })).status, 503)
      await compose('start', 'redis')
      await until('the API is ready', async () => (await fetch(`${house.apiUrl}/readyz`)).ok)
      await proveDelivered(house, id, '/redis')
    },
  },
  {
    name: 'SIGTERM ends the API, the worker and the simulator with exit code 0, each within its grace period',
    async prove({ docker, compose, containers }) {
      const ids = [await containers('api'), (await containers('worker')).slice(2), await containers('simulator')].flat()
      assert.equal(ids.length, 3)
      await compose('stop')
      for (const id of ids) assert.equal((await docker('inspect', '-f', '{{.State.ExitCode}}', id)).trim(), '0')
    },
  },
]

const UNWANTED = `find /app -name '*.test.ts' -not -path '*/node_modules/*'
ls /app/node_modules/.pnpm | grep -E '^(vitest|typescript|turbo|openai|@biomejs)' || true`

async function postVideo({ apiUrl }: DockerHouse, path: string): Promise<string> {
  const body = { model: 'runway/gen4.5', prompt: 'a boat', seconds: '5', webhook_url: `http://simulator:4013${path}` }
  const response = await fetch(`${apiUrl}/v1/videos`, { method: 'POST', headers, body: JSON.stringify(body) })
  const answer = await response.text()
  assert.equal(response.status, 200, answer)
  return String(JSON.parse(answer).id)
}

async function getJob({ apiUrl }: DockerHouse, id: string) {
  return JobResource.parse(await (await fetch(`${apiUrl}/v1/jobs/${id}`, { headers })).json())
}

/** Succeeded, called back once with a good signature, and downloadable with the hash that both name. */
async function proveDelivered(house: DockerHouse, id: string, path: string): Promise<void> {
  await until(`${id} ends`, async () => isTerminal((await getJob(house, id)).status), 120_000)
  const job = await getJob(house, id)
  assert.equal(job.status, 'succeeded', JSON.stringify(job.error))
  // The shape of the simulator's control port; anything else fails one of the checks below.
  const received = async () => (await control(house, `deliveries?path=${path}`)) as Delivery[]
  const ours = async () => (await received()).filter(({ body }) => WebhookEvent.parse(JSON.parse(body)).data.id === id)
  await until(`the webhook of ${id} arrives`, async () => (await ours()).length > 0)
  const [delivery, ...more] = await ours()
  assert.ok(delivery !== undefined && more.length === 0, 'one webhook')
  verifyWebhook({ headers: new Headers(delivery.headers), body: delivery.body, secret: WEBHOOK_SECRET })
  const content = await fetch(`${house.apiUrl}/v1/videos/${id}/content`, { headers })
  const sha256 = createHash('sha256')
    .update(await content.bytes())
    .digest('hex')
  assert.equal(sha256, job.outputs[0]?.sha256)
  assert.ok(delivery.body.includes(sha256), 'the webhook names the hash')
}
type Delivery = { headers: Record<string, string>; body: string }

async function control({ controlUrl }: DockerHouse, path: string): Promise<unknown> {
  return (await fetch(`${controlUrl}/${path}`)).json()
}

async function until(what: string, holds: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const endsAt = performance.now() + timeoutMs
  while (!(await holds())) {
    if (performance.now() > endsAt) throw new Error(`Not within ${timeoutMs / 1000} s: ${what}`)
    await delay(500)
  }
}

/** In order, each on what the one before left; the first that fails shows the logs and ends the run. */
async function proveAll(house: DockerHouse): Promise<number> {
  let passed = 0
  try {
    for (const { name, prove } of PROMISES) {
      const startedAt = performance.now()
      try {
        await prove(house)
      } catch (error) {
        console.log(`FAIL ${name}\n${error instanceof Error ? error.stack : error}`)
        console.log(await house.compose('logs', '--no-color', '--tail', '40').catch(String))
        break
      }
      passed += 1
      console.log(`ok   ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`)
    }
  } finally {
    await house.compose('down', '--volumes', '--timeout', '5')
  }
  return passed
}

const house = await dockerHouse()
if (typeof house === 'string') {
  console.log(`Skipped: ${house}.`)
} else {
  const passed = await proveAll(house)
  console.log(`${passed} passed, ${PROMISES.length - passed} failed or not reached`)
  process.exitCode = passed === PROMISES.length ? 0 : 1
}
