import type { Server } from 'node:http'
import { createKeys, Jobs, openQueues } from '@genqueue/jobs'
import { openStorage } from '@genqueue/storage'
import { createAdaptorServer } from '@hono/node-server'
import type { Logger } from 'pino'
import { createApp } from './app.ts'
import { createAuthenticate } from './authenticate.ts'
import type { ApiConfig } from './config.ts'
import { EndedJobs } from './ended-jobs.ts'
import { StoredFiles } from './files/stored-files.ts'
import { sweepFiles } from './files/sweep-files.ts'
import { createReadiness } from './readiness.ts'
import { createRedis } from './redis.ts'
import { EndWaits } from './wait-for-end.ts'

const SERVER_OPTIONS = {
  // 200 MB over 3 Mbit/s; intake gives up on a silent sender long before.
  requestTimeout: 610_000,
  headersTimeout: 15_000,
  // Longer than the idle timeout of the usual load balancers, which must be the ones to close.
  keepAliveTimeout: 75_000,
  maxHeaderSize: 16_384,
}
const IDLE_SWEEP_MS = 50

export type RunningApi = { url: string; close(): Promise<void> }

/**
 * Opens Redis and storage and listens. Starts while Redis is away: requests are answered 503 and readiness is red until
 * it comes. `close()` stops accepting, lets requests finish within the grace and closes what was opened; it never rejects.
 */
export async function startApi(config: ApiConfig, log: Logger): Promise<RunningApi> {
  const closing = new AbortController()
  const keys = createKeys(config.keyPrefix)
  const storage = openStorage(config.storageUrl, config.s3)
  const redis = createRedis(config.redisUrl)
  watch(redis, log)
  await redis.connect().catch(() => undefined)
  const queues = openQueues(redis, keys)
  // A connection that listens can do nothing else.
  const ended = new EndedJobs({ redis: createRedis(config.redisUrl), channel: keys.ended })
  ended.start()
  const files = new StoredFiles({ redis, prefix: keys.prefix })
  const stopSweeping = sweepFiles({ files, storage, log })

  // The port may be any free one, so where callers reach us is known only after listening; the app comes with it.
  let app: ReturnType<typeof createApp> | undefined
  const server = createAdaptorServer({
    fetch: (request, env) => app?.fetch(request, env) ?? new Response(null, { status: 503 }),
    serverOptions: SERVER_OPTIONS,
  }) as Server // node:http is what it makes unless another createServer is given
  const port = await listen(server, config).catch(async (error: unknown) => {
    ended.close()
    await stopSweeping()
    redis.disconnect()
    await storage.close()
    throw error
  })
  const publicUrl = config.publicUrl ?? `http://localhost:${port}`
  const jobs = new Jobs({ redis, queues, keys, publicUrl })
  app = createApp({
    config,
    publicUrl,
    jobs,
    files,
    waits: new EndWaits({ jobs, ended }),
    redis,
    keys,
    storage,
    authenticate: createAuthenticate(config.teamKeys, { allowKeyless: config.allowKeyless }),
    readiness: createReadiness({
      redis,
      keys,
      storage,
      log,
      isProduction: config.isProduction,
      closing: closing.signal,
    }),
    log,
    closing: closing.signal,
  })
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  const url = `http://${host}:${port}`
  log.info({ url, publicUrl }, 'listening')

  let closed: Promise<void> | undefined
  const close = async () => {
    closing.abort()
    await drain(server, config.shutdownGraceMs)
    ended.close()
    await stopSweeping()
    await queues.close().catch((err: unknown) => log.warn({ err }, 'closing the queues failed'))
    await redis.quit().catch(() => redis.disconnect())
    await storage.close()
    log.info('closed')
  }
  return {
    url,
    close() {
      closed ??= close()
      return closed
    },
  }
}

/** Tells once when Redis goes and when it is back, not at every attempt between. */
function watch(redis: ReturnType<typeof createRedis>, log: Logger): void {
  let isAway = false
  redis.on('error', (err) => {
    if (!isAway) log.error({ err }, 'Redis is away')
    isAway = true
  })
  redis.on('ready', () => {
    if (isAway) log.info('Redis is back')
    isAway = false
  })
}

async function listen(server: Server, { host, port }: Pick<ApiConfig, 'host' | 'port'>): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The server listens on no TCP port')
  return address.port
}

/** Takes no new connection, closes each one when its request is answered, and cuts what is left after the grace. */
async function drain(server: Server, graceMs: number): Promise<void> {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()))
  const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS)
  const grace = setTimeout(() => server.closeAllConnections(), graceMs)
  await ended
  clearInterval(sweep)
  clearTimeout(grace)
}
