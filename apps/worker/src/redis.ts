import { Redis } from 'ioredis'

const SILENCE_MS = 15_000
/** ioredis forgets to catch its own failure to, which would end the process: who listens subscribes at every `ready`. */
const SUBSCRIBES_BY_ITSELF = false

/**
 * The worker's connection: patient, because work that is under way waits for Redis to return. BullMQ demands that
 * commands are retried without end.
 */
export function connectRedis(url: string): Redis {
  return new Redis(url, {
    maxRetriesPerRequest: null,
    autoResubscribe: SUBSCRIBES_BY_ITSELF,
    connectTimeout: 2_000,
    // A server that hangs may have been replaced. BullMQ's own connections are silent for ten seconds at most.
    socketTimeout: SILENCE_MS,
    // How often a Redis that loads its file is asked whether it is done.
    maxLoadingRetryTime: 100,
    retryStrategy: (times) => Math.min(250, 20 * times),
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
  })
}

/** A connection that only listens, and is asked now and then whether it still does. Not connected yet. */
export function connectListener(url: string): Redis {
  return new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResubscribe: SUBSCRIBES_BY_ITSELF,
    commandTimeout: 300,
    connectTimeout: 2_000,
    retryStrategy: (times) => Math.min(250, 20 * times),
  })
}
