import { randomUUID } from 'node:crypto'
import { Secret } from '@genqueue/contract'
import { type Simulator, startSimulator } from '@genqueue/simulator'
import { Agent } from 'undici'
import type { Call, Provider, TaskLook, VendorBody } from '../provider.ts'
import { createRunwareProvider, type RunwareOptions } from './provider.ts'

export type SimulatedRunware = {
  sim: Simulator
  provider: Provider
  unreachable: Provider
  key: Secret
  call(): Call
  submit(body?: VendorBody, clientRef?: string): ReturnType<Provider['submit']>
  /** Submits and gives the task id. */
  accepted(body?: VendorBody): Promise<string>
  /** A first look, soon after the submit. */
  poll(taskId: string, look?: Omit<TaskLook, 'taskId'>): ReturnType<Provider['poll']>
  finishTasks(): void
  close(): Promise<void>
}

/** The adapter against the simulator, on a clock that stands still until it is moved. For tests. */
export async function simulateRunware(options: Partial<RunwareOptions> = {}): Promise<SimulatedRunware> {
  const sim = await startSimulator({ clock: 'virtual' })
  const dispatcher = new Agent()
  const settings: RunwareOptions = {
    baseUrl: sim.runware.url,
    dispatcher,
    submitTimeoutMs: 10_000,
    pollTimeoutMs: 10_000,
    uploadTimeoutMs: 10_000,
    now: () => sim.clock.now(),
    ...options,
  }
  const provider = createRunwareProvider(settings)
  const key = new Secret(sim.runware.keys[0] ?? '')
  const call = () => ({ key, signal: new AbortController().signal })
  const submit = (body: VendorBody = TASK.body, clientRef: string = randomUUID()) =>
    provider.submit({ ...TASK, body, clientRef }, call())
  return {
    sim,
    provider,
    unreachable: createRunwareProvider({ ...settings, baseUrl: 'http://127.0.0.1:1' }),
    key,
    call,
    submit,
    async accepted(body) {
      const outcome = await submit(body)
      if (outcome.kind !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(outcome)}`)
      return outcome.taskId
    },
    poll: (taskId, look = { ageMs: 1_000 }) => provider.poll(taskId, call(), look),
    finishTasks: () => sim.clock.advance(60_000),
    async close() {
      await dispatcher.destroy()
      await sim.close()
    },
  }
}

export const TASK = {
  operation: 'videoInference',
  body: {
    model: 'klingai:5@3',
    positivePrompt: 'a cat',
    duration: 5,
    width: 1920,
    height: 1080,
  } satisfies VendorBody,
}
