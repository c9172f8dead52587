import { setImmediate } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Keys } from './keys.ts'

/** After a replica was missed, nobody is asked for so long. */
const DOUBT_MS = 250
const MARK_MS = 60_000

/** Whether what Redis has been told survives as much as it should. Neither question is ever answered by a rejection. */
export type Durability = {
  /** False while the last answer was no: then better write nothing. Asks only if it was. */
  isLikely(): Promise<boolean>
  /** Whether what was written before is kept. To be asked in the same turn of the event loop as the write was answered. */
  isKept(): Promise<boolean>
}

/** Redis and its file are all there is: what it has answered is kept. */
export const LOCAL: Durability = { isLikely: async () => true, isKept: async () => true }

type ReplicaOptions = {
  /** The connection that writes: Redis tells each only of its own writes, and only the same server knows of them. */
  redis: Redis
  keys: Keys
  timeoutMs: number
}

/**
 * Kept is what a replica has acknowledged in time. WAIT holds up everything else on its connection, so there is one at a
 * time, and it answers for all that were written before it. A connection that broke meanwhile answers no: the next may
 * lead to another server, which would say yes to whatever it is asked.
 */
export function keptByReplica({ redis, keys, timeoutMs }: ReplicaOptions): Durability {
  let running: Promise<Redis['stream'] | undefined> | undefined
  let next: typeof running
  let doubtedAtMs: number | undefined

  /** The connection by which a replica's acknowledgement came. */
  const ask = async () => {
    // The messages that go with a write, and all other writes of this turn, go first.
    await setImmediate()
    const { stream } = redis
    if (redis.status !== 'ready') return undefined
    // Since Redis 7.2 WAIT answers for writes only, and a replayed request has written nothing.
    const [, replicas] = await Promise.all([redis.set(keys.replicated, '', 'PX', MARK_MS), redis.wait(1, timeoutMs)])
    return replicas > 0 && redis.stream === stream ? stream : undefined
  }
  const start = () => {
    next = undefined
    const mine = ask()
      .catch(() => undefined)
      .then((stream) => {
        doubtedAtMs = stream ? undefined : performance.now()
        if (running === mine) running = undefined
        return stream
      })
    running = mine
    return mine
  }
  // One that is under way was sent before what is asked about now.
  const acknowledged = () => {
    if (!running) return start()
    next ??= running.then(start)
    return next
  }
  return {
    async isLikely() {
      if (doubtedAtMs === undefined) return true
      if (performance.now() - doubtedAtMs < DOUBT_MS) return false
      return (await acknowledged()) !== undefined
    },
    async isKept() {
      const { stream } = redis
      return (await acknowledged()) === stream
    },
  }
}
