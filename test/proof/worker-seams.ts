import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import type { Provider } from '@genqueue/providers'
import type { Storage } from '@genqueue/storage'
import type { Leases, Seams } from '@genqueue/worker'
import type { Faults } from './faults.ts'

const LOST = { kind: 'unknown', detail: 'the answer was lost on purpose' } as const
const UNREAD = { kind: 'error', reason: 'unavailable', detail: 'the answer was lost on purpose' } as const

/** Stands in the way of everything that a worker does outside of Redis. */
export function seamsFor(faults: Faults): Seams {
  const inSubmit = watchRequests(faults)
  return {
    provider: (provider): Provider => ({
      ...provider,
      async submit(task, call) {
        await faults.alive()
        const outcome = await inSubmit(() => provider.submit(task, call))
        return (await faults.pass('submit.response_read', () => LOST)) ?? outcome
      },
      ...(provider.submitAndWait && {
        async submitAndWait(task, call) {
          await faults.alive()
          const outcome = await inSubmit(async () => provider.submitAndWait?.(task, call) ?? LOST)
          return (await faults.pass('submit.response_read', () => LOST)) ?? outcome
        },
      }),
      async poll(taskId, call, look) {
        await faults.pass('poll.before')
        const outcome = await provider.poll(taskId, call, look)
        const isOver = outcome.kind === 'succeeded' || outcome.kind === 'failed'
        if (isOver) await faults.pass('poll.terminal_seen')
        return (await faults.pass('poll.after', () => UNREAD)) ?? outcome
      },
      ...(provider.pollMany && {
        async pollMany(looks, call) {
          await faults.pass('poll.before')
          const outcomes = (await provider.pollMany?.(looks, call)) ?? new Map()
          if ([...outcomes.values()].some(({ kind }) => kind === 'succeeded')) await faults.pass('poll.terminal_seen')
          await faults.pass('poll.after')
          return outcomes
        },
      }),
    }),
    storage: (storage): Storage => ({
      put: async (key, body, options) => {
        await faults.pass('copy.opened')
        const object = await storage.put(key, watched(body, faults), options)
        await faults.pass('copy.after_complete')
        return object
      },
      head: (key, options) => storage.head(key, options),
      get: (key, options) => storage.get(key, options),
      delete: (key) => storage.delete(key),
      presign: (key, options) => storage.presign(key, options),
      list: (prefix) => storage.list(prefix),
      check: (signal) => storage.check(signal),
      close: () => storage.close(),
    }),
    sendWebhook: (send) => async (call) => {
      await faults.alive()
      const answer = await send(call)
      return (await faults.pass('hook.sent', () => ({ kind: 'failed', error: 'timeout' }) as const)) ?? answer
    },
    leases: (leases): Leases => ({
      async lease(options) {
        const leased = await leases.lease(options)
        if (leased.deliveries.length > 0) await faults.pass('hook.claimed')
        return leased
      },
      async record(sent) {
        const written = await leases.record(sent)
        await faults.pass('hook.recorded')
        return written
      },
    }),
  }
}

async function* watched(body: AsyncIterable<Uint8Array>, faults: Faults) {
  for await (const chunk of body) {
    yield chunk
    await faults.pass('copy.part_n')
  }
  await faults.pass('copy.before_complete')
}

/** Tells when the last byte of a create has been handed to the kernel: it will arrive, whatever becomes of us. */
function watchRequests(faults: Faults) {
  const submitting = new AsyncLocalStorage<true>()
  const creates = new WeakSet<object>()
  subscribe('undici:request:create', (message) => {
    if (submitting.getStore()) creates.add(requestOf(message))
  })
  subscribe('undici:request:bodySent', (message) => {
    if (creates.has(requestOf(message))) faults.reach('submit.request_sent')
  })
  return <T>(run: () => Promise<T>) => submitting.run(true, run)
}

function requestOf(message: unknown): object {
  if (typeof message === 'object' && message !== null && 'request' in message) {
    if (typeof message.request === 'object' && message.request !== null) return message.request
  }
  throw new Error('undici tells of requests in another way than it did')
}
