import { Secret } from '@genqueue/contract'
import { type Simulator, startSimulator } from '@genqueue/simulator'
import { Agent } from 'undici'
import type { Call, Provider, VendorBody } from '../provider.ts'
import { createRunwayProvider, type RunwayOptions } from './provider.ts'

export type SimulatedRunway = {
  sim: Simulator
  provider: Provider
  unreachable: Provider
  key: Secret
  call(): Call
  submit(body?: VendorBody): ReturnType<Provider['submit']>
  /** Submits and gives the task id. */
  accepted(body?: VendorBody): Promise<string>
  poll(taskId: string): ReturnType<Provider['poll']>
  finishTasks(): void
  close(): Promise<void>
}

/** The adapter against the simulator, on a clock that stands still until it is moved. For tests. */
export async function simulateRunway(
  options: Partial<RunwayOptions> & { dialect?: 'real' | 'seed004' } = {},
): Promise<SimulatedRunway> {
  const { dialect = 'real', ...overrides } = options
  const sim = await startSimulator({ clock: 'virtual', runway: { dialect } })
  const dispatcher = new Agent()
  const settings: RunwayOptions = {
    baseUrl: sim.runway.url,
    dispatcher,
    guardedDispatcher: dispatcher,
    submitTimeoutMs: 10_000,
    pollTimeoutMs: 10_000,
    uploadTimeoutMs: 10_000,
    now: () => sim.clock.now(),
    ...overrides,
  }
  const provider = createRunwayProvider(settings)
  const key = new Secret(sim.runway.keys[0] ?? '')
  const call = () => ({ key, signal: new AbortController().signal })
  const submit = (body: VendorBody = TASK.body) => provider.submit({ ...TASK, body, clientRef: 'ref' }, call())
  return {
    sim,
    provider,
    unreachable: createRunwayProvider({ ...settings, baseUrl: 'http://127.0.0.1:1' }),
    key,
    call,
    submit,
    async accepted(body) {
      const outcome = await submit(body)
      if (outcome.kind !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(outcome)}`)
      return outcome.taskId
    },
    poll: (taskId) => provider.poll(taskId, call()),
    finishTasks: () => sim.clock.advance(60_000),
    async close() {
      await dispatcher.destroy()
      await sim.close()
    },
  }
}

export const TASK = {
  operation: 'text_to_video',
  body: { model: 'gen4.5', promptText: 'a cat', ratio: '1280:720', duration: 2 } satisfies VendorBody,
}
