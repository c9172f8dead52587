import { randomUUID } from 'node:crypto'
import type { Secret } from '@genqueue/contract'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Call, Provider, StoredInput, VendorBody } from './provider.ts'

/** A vendor's half of the outside world, and the strings that the suite pulls on it. */
export type ProviderWorld = {
  provider: Provider
  /** The same vendor at an address where nobody listens. */
  unreachable: Provider
  key: Secret
  wrongKey: Secret
  /** A request that the vendor takes. */
  task: { operation: string; body: VendorBody }
  /** A request that the vendor refuses. */
  badTask: { operation: string; body: VendorBody }
  /** What becomes of the next create: accepted with the answer lost, or answered 429. */
  onNextCreate(behaviour: 'lose_answer' | 'rate_limit'): void
  /** Requests that asked for a task, and tasks that came of them. */
  creates(): number
  tasks(): number
  /** Lets every accepted task run to its end. */
  finishTasks(): void
  close(): Promise<void>
}

/** The promises of the port, kept by every vendor. */
export function describeProvider(name: string, open: () => Promise<ProviderWorld>): void {
  describe(`the port, kept by ${name}`, () => {
    let world: ProviderWorld
    const call = (key = world.key): Call => ({ key, signal: new AbortController().signal })
    const submit = (key?: Secret, clientRef: string = randomUUID()) =>
      world.provider.submit({ ...world.task, clientRef }, call(key))
    const accepted = async () => {
      const outcome = await submit()
      if (outcome.kind !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(outcome)}`)
      return outcome.taskId
    }

    beforeEach(async () => {
      world = await open()
    })
    afterEach(() => world.close())

    it('a task is accepted, waits, and succeeds with a URL', async () => {
      const taskId = await accepted()
      expect(await world.provider.poll(taskId, call())).toMatchObject({ kind: 'waiting' })
      world.finishTasks()
      const outcome = await world.provider.poll(taskId, call())
      expect(outcome).toMatchObject({ kind: 'succeeded', urls: [expect.stringMatching(/^https?:/)] })
    })

    it('a create whose answer is lost is unknown, and was asked for once', async () => {
      world.onNextCreate('lose_answer')
      expect(await submit()).toMatchObject({ kind: 'unknown' })
      expect([world.creates(), world.tasks()]).toEqual([1, 1])
    })

    it('a create the vendor refuses ends with an error for the caller and makes no task', async () => {
      const outcome = await world.provider.submit({ ...world.badTask, clientRef: randomUUID() }, call())
      expect(outcome).toMatchObject({ kind: 'refused', error: { retryable: false } })
      expect([world.creates(), world.tasks()]).toEqual([1, 0])
    })

    it('a create that is rate limited was not accepted, and says how long to wait', async () => {
      world.onNextCreate('rate_limit')
      const outcome = await submit()
      expect(outcome).toMatchObject({ kind: 'not_accepted', reason: 'rate_limited', retryAfterMs: expect.any(Number) })
      expect([world.creates(), world.tasks()]).toEqual([1, 0])
    })

    it('a wrong key rests, fails no task, and stands in no outcome', async () => {
      const taskId = await accepted()
      const outcomes = [await submit(world.wrongKey), await world.provider.poll(taskId, call(world.wrongKey))]
      expect(outcomes).toMatchObject([
        { kind: 'not_accepted', reason: 'auth', rests: 'key' },
        { kind: 'error', reason: 'auth' },
      ])
      expect(JSON.stringify(outcomes)).not.toContain(world.wrongKey.reveal())
      expect(world.tasks()).toBe(1)
    })

    it('a vendor that cannot be reached has accepted nothing and tells nothing about a task', async () => {
      const { unreachable, task } = world
      const created = await unreachable.submit({ ...task, clientRef: randomUUID() }, call())
      expect(created).toMatchObject({ kind: 'not_accepted', reason: 'unavailable', rests: 'nothing' })
      expect(await unreachable.poll('any-task', call())).toMatchObject({ kind: 'error', reason: 'unavailable' })
      expect(['retry', 'unsupported']).toContain((await unreachable.cancel('any-task', call())).kind)
    })

    it('a create that was called off before it was sent is not accepted and not sent', async () => {
      const aborted = { key: world.key, signal: AbortSignal.abort() }
      const outcome = await world.provider.submit({ ...world.task, clientRef: randomUUID() }, aborted)
      expect(outcome).toMatchObject({ kind: 'not_accepted', rests: 'nothing' })
      expect(world.creates()).toBe(0)
    })

    it('a task nobody made is missing or not known yet, never failed', async () => {
      const outcome = await world.provider.poll('00000000-0000-4000-8000-000000000000', call())
      expect(['missing', 'waiting']).toContain(outcome.kind)
    })

    it('a task that is canceled, once or twice, is gone, or runs on where the vendor stops nothing', async () => {
      const taskId = await accepted()
      const outcome = await world.provider.cancel(taskId, call())
      expect(['gone', 'unsupported']).toContain(outcome.kind)
      expect(await world.provider.cancel(taskId, call())).toEqual(outcome)
      if (outcome.kind === 'gone') return
      world.finishTasks()
      expect(await world.provider.poll(taskId, call())).toMatchObject({ kind: 'succeeded' })
    })

    it('a create whose answer is lost makes one task however often it is repeated, where the vendor promises so', async () => {
      if (!world.provider.repeatsAreSafe) return
      const clientRef = randomUUID()
      world.onNextCreate('lose_answer')
      expect(await submit(world.key, clientRef)).toMatchObject({ kind: 'unknown' })
      const repeats = [await submit(world.key, clientRef), await submit(world.key, clientRef)]
      expect(repeats).toMatchObject([{ kind: 'accepted' }, { kind: 'accepted' }])
      expect([world.creates(), world.tasks()]).toEqual([3, 1])
    })

    it('many tasks are looked at in one request, where the vendor offers that, each with its own outcome', async () => {
      const { provider } = world
      if (!provider.pollMany) return
      const done = await accepted()
      world.finishTasks()
      const running = await accepted()
      const outcomes = await provider.pollMany([{ taskId: running, ageMs: 0 }, { taskId: done }], call())
      expect(outcomes.get(done)).toMatchObject({ kind: 'succeeded' })
      expect(outcomes.get(running)).toMatchObject({ kind: 'waiting' })
    })

    it('the body of a task is left as it was', async () => {
      const before = structuredClone(world.task.body)
      await accepted()
      expect(world.task.body).toEqual(before)
    })

    it('a stored input becomes a string for a body', async () => {
      const content = Buffer.from('89504e470d0a1a0a', 'hex')
      const input: StoredInput = {
        bytes: content.length,
        contentType: 'image/png',
        filename: 'a.png',
        open: async () =>
          (async function* () {
            yield content
          })(),
      }
      const prepared = await world.provider.prepareInput(input, call())
      expect(prepared).toMatchObject({ kind: 'ready', value: expect.stringMatching(/./) })
    })
  })
}
