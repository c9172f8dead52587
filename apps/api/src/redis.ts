import type { Secret } from '@genqueue/contract'
import { Redis } from 'ioredis'
import { giveCommandsDeadline } from './command-deadline.ts'

// Callers are promised a 503 within 250 ms.
const COMMAND_DEADLINE = { timeoutMs: 160, handshakeMs: 500, silenceMs: 2_000, checkMs: 20 }
const CONNECT_TIMEOUT_MS = 500

/**
 * A connection that fails fast and comes back by itself: nothing is queued while Redis is away, nothing is sent twice.
 * Not connected yet; `connect()` or the first command does that.
 */
export function createRedis(url: Secret): Redis {
  const redis = new Redis(url.reveal(), {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    // A command that was on the wire when the connection broke may have been executed: whoever asked must decide.
    autoResendUnfulfilledCommands: false,
    // It forgets to catch its own failure, which would end the process: who listens subscribes at every `ready`.
    autoResubscribe: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // How often a Redis that loads its file is asked whether it is done.
    maxLoadingRetryTime: 100,
    retryStrategy: (attempt) => Math.min(50 * attempt, 200),
    // After a failover the old primary answers READONLY: look for the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  })
  giveCommandsDeadline(redis, COMMAND_DEADLINE)
  redis.on('connect', () => combineWrites(redis.stream))
  return redis
}

/**
 * Lets all commands of one turn of the event loop leave in one system call, which costs more than most commands do.
 * ioredis' own auto-pipelining would, too, but ends the process when a command in it times out (6.0.0).
 */
function combineWrites(stream: Redis['stream']): void {
  let isCorked = false
  const uncork = () => {
    isCorked = false
    stream.uncork()
  }
  const write: (...args: never[]) => boolean = stream.write
  stream.write = (...args: never[]) => {
    if (!isCorked) {
      isCorked = true
      stream.cork()
      setImmediate(uncork)
    }
    return write.apply(stream, args)
  }
}

const UNAVAILABLE =
  /^(Connection is closed|Command timed out|Stream isn't writeable|Reached the max retries|connect ETIMEDOUT|Socket timeout|(LOADING|MISCONF|READONLY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|NOREPLICAS|BUSY|OOM) )/
const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
])

/** Whether Redis is away or cannot write now; the names and codes are those of ioredis, node and Redis. */
export function isRedisAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as NodeJS.ErrnoException // any Error may carry a code; it is only compared
  return UNAVAILABLE.test(error.message) || (code !== undefined && NETWORK_CODES.has(code))
}
