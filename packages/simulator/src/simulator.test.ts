import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, onTestFinished } from 'vitest'
import { readConfig } from './config.ts'
import { test } from './simulation.fixture.ts'

/** Hangs every connection in its own way, with timers that would run for days, and then closes. */
const HANGING_PROGRAM = `
  import { startSimulator } from ${JSON.stringify(join(import.meta.dirname, 'simulator.ts'))}
  const sim = await startSimulator({ clock: 'real' })
  for (const fault of ['create.accept_then_hang', 'create.slow', 'create.trickle']) {
    sim.runway.fault(fault, { ms: 1e8, bytesPerSecond: 1e-5 })
  }
  const create = () => fetch(sim.runway.url + '/v1/text_to_video', {
    method: 'POST',
    headers: { authorization: 'Bearer ' + sim.runway.keys[0], 'x-runway-version': '2024-11-06' },
    body: JSON.stringify({ model: 'gen4.5', promptText: 'a lake', ratio: '1280:720', duration: 5 }),
  }).then((response) => response.text())
  const calls = [create(), create(), create()]
  while (sim.runway.tasks().length < 3) await new Promise((resolve) => setTimeout(resolve, 10))
  const socket = new WebSocket(sim.runware.wsUrl)
  await new Promise((resolve) => { socket.onopen = resolve })
  const closed = new Promise((resolve) => { socket.onclose = resolve })
  socket.send(JSON.stringify([{ taskType: 'authentication', apiKey: sim.runware.keys[0] }]))
  sim.runware.fault('create.accept_then_hang')
  calls.push(fetch(sim.runware.url, {
    method: 'POST',
    headers: { authorization: 'Bearer ' + sim.runware.keys[0] },
    body: JSON.stringify([{ taskType: 'caption', taskUUID: crypto.randomUUID(), inputs: { image: 'https://a.example/b.png' },
      webhookURL: 'http://127.0.0.1:9/' }]),
  }))
  while (sim.runware.tasks().length < 1) await new Promise((resolve) => setTimeout(resolve, 10))
  if (process.argv[1] === 'refusing') sim.runware.down(1e8, 'refused')
  if (process.argv[1] === 'refusing') sim.runway.down(1e8, 'refused')
  const ended = Promise.allSettled(calls)
  await sim.close()
  await closed
  const gone = await Promise.all([sim.runway, sim.runware, sim.assets, sim.store, sim.receiver, sim.control].map(({ url }) =>
    fetch(url).then(() => 'open', (error) => error.cause.code)))
  console.log(JSON.stringify([(await ended).map(({ status }) => status), gone]))
`

/** Starts on a port that is taken, as the asset host, as Runware and as the control port. */
const UNLUCKY_PROGRAM = `
  import { createServer } from 'node:net'
  import { once } from 'node:events'
  import { startSimulator } from ${JSON.stringify(join(import.meta.dirname, 'simulator.ts'))}
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address()
  const starts = await Promise.allSettled([
    startSimulator({ runway: { assetsPort: port } }),
    startSimulator({ runware: { port } }),
    startSimulator({ controlPort: port }),
  ])
  taken.close()
  console.log(JSON.stringify(starts.map(({ reason }) => reason?.code)))
`

/** What the program prints; fails unless it ends by itself, as it can only when no server, socket or timer is left. */
async function run(program: string, ...args: string[]): Promise<unknown> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, ...args])
  onTestFinished(() => void child.kill())
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
    })
  }
  const ended = await once(child, 'close')
  expect(ended, printed).toEqual([0, null])
  return JSON.parse(printed)
}

describe('the simulator', () => {
  for (const mode of ['listening', 'refusing']) {
    test(`that is ${mode} leaves nothing behind when it closes, however its connections hang`, async () => {
      const [calls, connections] = Object(await run(HANGING_PROGRAM, mode))
      expect(calls).toEqual(Array.from({ length: 4 }, () => 'rejected'))
      expect(connections).toEqual(Array.from({ length: 6 }, () => 'ECONNREFUSED'))
    })
  }

  test('gives the same ids and outputs for the same seed, and others for another', async ({ start }) => {
    const outputs = []
    for (const seed of ['one', 'one', 'two']) {
      const simulation = await start({ seed })
      const { id } = await simulation.succeeded()
      outputs.push({ id, sha256: simulation.sim.runway.expectedOutput(id).sha256, key: simulation.key })
    }
    expect(outputs[1]).toEqual(outputs[0])
    expect(outputs[2]).not.toEqual(outputs[0])
    expect(outputs[0]?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('remembers the newest requests only when its journal has a limit', async ({ start }) => {
    const simulation = await start({ journalLimit: 3 })
    for (let count = 0; count < 5; count += 1) await simulation.create()
    expect(simulation.sim.journal().map(({ ordinal }) => ordinal)).toEqual([3, 4, 5])
    expect(simulation.sim.journal(4).map(({ ordinal }) => ordinal)).toEqual([5])
  })

  test('lets go of everything when one of its ports is taken', async () => {
    expect(await run(UNLUCKY_PROGRAM)).toEqual(['EADDRINUSE', 'EADDRINUSE', 'EADDRINUSE'])
  })

  test('does not start with a bad variable, and names it', () => {
    expect(() => readConfig({ SIM_SPEED: 'fast', SIM_RUNWAY_PORT: '70000' })).toThrow(/SIM_RUNWAY_PORT(.|\n)*SIM_SPEED/)
    expect(readConfig({ SIM_SPEED: '10' })).toMatchObject({ clock: { speed: 10 }, runway: { port: 4010 } })
  })

  test('runs on its own, says where it is and ends on SIGTERM', { timeout: 20_000 }, async () => {
    const ports = Object.fromEntries(
      ['RUNWAY', 'ASSETS', 'STORE', 'RECEIVER', 'CONTROL', 'RUNWARE'].map((name) => [`SIM_${name}_PORT`, '0']),
    )
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], { env: { ...process.env, ...ports } })
    let printed = ''
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
    })
    await expect.poll(() => printed, { timeout: 15_000 }).toContain('Ctrl-C ends it.')
    const url = /Runway\s+(\S+)/.exec(printed)?.[1] ?? ''
    expect((await fetch(`${url}/v1/organization`)).status).toBe(401)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })
})
