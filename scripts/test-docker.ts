import { strict as assert } from 'node:assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseEnv } from 'node:util'
import { type DockerHouse, dockerHouse } from './docker-house.ts'
import { DockerTraffic } from './docker-traffic.ts'
import { verdictOn } from './docker-verdict.ts'
import { ROOT } from './source-files.ts'

// Runs the image and docker-compose.yml for real against the simulator and proves what docs/deployment.md promises.
const { ADMIN_API_KEY = '', WEBHOOK_SECRET = '' } = parseEnv(readFileSync(join(ROOT, 'deploy/simulator.env'), 'utf8'))

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
    name: 'jobs at both vendors are made, their webhooks verify and their bytes have the promised SHA-256',
    async prove(house) {
      const traffic = trafficTo(house, '/first')
      await traffic.post('runway')
      await traffic.post('runware')
      await proveAllWell(house, traffic)
    },
  },
  {
    name: 'under traffic one worker is killed, one ended and the API restarted: nothing is lost or paid twice',
    async prove(house) {
      const { docker, compose, containers } = house
      const traffic = trafficTo(house, '/crash')
      traffic.start(400)
      await traffic.pass(10)
      const [killed = '', ended = ''] = await containers('worker')
      await docker('kill', '-s', 'KILL', killed)
      await traffic.pass(5)
      await docker('kill', '-s', 'TERM', ended)
      await traffic.pass(5)
      await compose('restart', 'api')
      await traffic.pass(5)
      const state = () => docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', ended)
      await until('the worker ends after SIGTERM', async () => (await state()).startsWith('exited'), 90_000)
      assert.equal((await state()).trim(), 'exited 0')
      await compose('up', '-d', '--no-build', '--scale', 'worker=3')
      await traffic.pass(5)
      await traffic.stop()
      assert.equal((await containers('worker')).length, 3)
      await proveAllWell(house, traffic)
      assert.deepEqual(
        (await violations(house)).filter(({ kind }) => !SEEN_TWICE.includes(kind)),
        [],
      )
    },
  },
  {
    name: 'jobs that were accepted outlive kill -9 of Redis; the API says 503 meanwhile',
    async prove(house) {
      const { docker, compose, containers } = house
      const traffic = trafficTo(house, '/redis')
      const id = await traffic.post('runway')
      await traffic.post('runware')
      const [redis = ''] = await containers('redis')
      await docker('kill', '-s', 'KILL', redis)
      await until('the API is not ready', async () => (await fetch(`${house.apiUrl}/readyz`)).status === 503)
      const headers = { authorization: `Bearer ${ADMIN_API_KEY}` }
      assert.equal((await fetch(`${house.apiUrl}/v1/jobs/${id}`, { headers })).status, 503)
      await compose('start', 'redis')
      await until('the API is ready', async () => (await fetch(`${house.apiUrl}/readyz`)).ok)
      await proveAllWell(house, traffic)
    },
  },
  {
    name: 'compose stop ends the API, the workers and the simulator with exit code 0, each within its grace period',
    async prove({ docker, compose, containers }) {
      const ids = (await Promise.all(['api', 'worker', 'simulator'].map(containers))).flat()
      assert.equal(ids.length, 5)
      await compose('stop')
      for (const id of ids) assert.equal((await docker('inspect', '-f', '{{.State.ExitCode}}', id)).trim(), '0')
      await compose('start')
    },
  },
  {
    name: 'compose down and up again: the volume is kept, what has ended is as it was, what waited is done',
    async prove(house) {
      const { compose, leftovers } = house
      const traffic = trafficTo(house, '/kept')
      const ended = await traffic.post('runware')
      await proveAllWell(house, traffic)
      const before = await traffic.get(ended)
      // The simulator forgets everything when it ends: what waits must not be there yet.
      const waiting = await traffic.post('runware', { delay_seconds: 40 })
      await compose('down')
      assert.match((await leftovers()).join(), /^(,?volume \w+)+$/)
      await compose('up', '-d', '--no-build', '--scale', 'worker=3')
      assert.deepEqual(await traffic.get(ended), before)
      const isDone = async () => (await traffic.get(waiting)).status === 'succeeded'
      await until('the waiting job is done', isDone, 120_000)
    },
  },
  {
    name: 'compose down --volumes leaves no container, network or volume',
    async prove({ compose, leftovers }) {
      await compose('down', '--volumes')
      assert.deepEqual(await leftovers(), [])
    },
  },
]

/** Whoever is killed between seeing the end of a task and writing it down has somebody else see it again. */
const SEEN_TWICE = ['poll_after_terminal']
const UNWANTED = `find /app -name '*.test.ts' -not -path '*/node_modules/*'
ls /app/node_modules/.pnpm | grep -E '^(vitest|typescript|turbo|openai|@biomejs)' || true`

function trafficTo({ apiUrl }: DockerHouse, path: string): DockerTraffic {
  return new DockerTraffic({ apiUrl, apiKey: ADMIN_API_KEY, path })
}

/** Prints the verdict, and fails for the first thing that is wrong. */
async function proveAllWell({ controlUrl }: DockerHouse, traffic: DockerTraffic): Promise<void> {
  const { line, faults } = await verdictOn(traffic, { controlUrl, webhookSecret: WEBHOOK_SECRET }, 180_000)
  console.log(`     ${traffic.path}: ${line}`)
  assert.deepEqual(faults, [])
}

async function violations({ controlUrl }: DockerHouse): Promise<{ kind: string }[]> {
  // The control port's own shape; anything else is not empty.
  return (await (await fetch(`${controlUrl}/violations`)).json()) as { kind: string }[]
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
        console.log(await house.compose('logs', '--no-color', '--tail', '15').catch(String))
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
