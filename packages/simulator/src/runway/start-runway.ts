import { AssetHost, type AssetHostOptions } from '../assets/asset-host.ts'
import { Disturbance } from '../disturbance.ts'
import type { Exchange } from '../exchange.ts'
import { giveUp, Listener } from '../listener.ts'
import { Seeded } from '../seeded.ts'
import { redirectUrl, type Surroundings } from '../surroundings.ts'
import { RunwayApi } from './api.ts'
import type { Dialect } from './catalogue.ts'
import { RunwaySimulator } from './runway-simulator.ts'
import type { Script } from './script.ts'
import { World } from './world.ts'

export interface RunwayOptions {
  readonly port?: number | undefined
  readonly assetsPort?: number | undefined
  /** The keys that are let in; one made from the seed unless given. */
  readonly keys?: readonly string[] | undefined
  readonly dialect?: Dialect | undefined
  /** Tasks of one key and model that run at once; 5 unless given, null for no cap. */
  readonly concurrency?: number | null | undefined
  /** Creates per key and model in any 24 hours of clock time; no cap unless given. */
  readonly dailyCap?: number | undefined
  /** Balance of each key. */
  readonly credits?: number | undefined
  readonly pendingMs?: number | undefined
  readonly runningMs?: number | undefined
  readonly progressSteps?: number | undefined
  /** Size that outputs are padded to. */
  readonly minOutputBytes?: number | undefined
  /** False lets any JSON body pass, for load tests. */
  readonly validate?: boolean | undefined
  readonly lenientModels?: boolean | undefined
  /** Played by every task for which nothing else is asked. */
  readonly profile?: Script | undefined
  readonly tokenTtlMs?: number | undefined
  readonly expiredStatus?: 401 | 403 | undefined
  readonly minPollIntervalMs?: number | undefined
}

const DAY_MS = 24 * 60 * 60 * 1000
const DEFAULT_CONCURRENCY = 5

/** Opens the API and its asset host. */
export async function startRunway(
  options: RunwayOptions,
  { host, publicHost, clock, journal, seed, otherOutputs }: Surroundings & Pick<AssetHostOptions, 'otherOutputs'>,
): Promise<RunwaySimulator> {
  const seeded = new Seeded(seed)
  const secret = seeded.digest('token secret').toString('hex')
  const world = new World({
    clock,
    seeded,
    dialect: options.dialect ?? 'real',
    keys: options.keys ?? [defaultKey(seeded)],
    credits: options.credits ?? 1_000_000,
    timing: {
      pendingMs: options.pendingMs ?? 2000,
      runningMs: options.runningMs ?? 20_000,
      progressSteps: options.progressSteps ?? 5,
    },
    minOutputBytes: options.minOutputBytes ?? 0,
    concurrency: options.concurrency === null ? undefined : (options.concurrency ?? DEFAULT_CONCURRENCY),
    dailyCap: options.dailyCap,
    minPollIntervalMs: options.minPollIntervalMs ?? 4500,
    profile: options.profile ?? {},
  })
  const disturbance = new Disturbance(clock)
  const assetHost = new AssetHost({
    world,
    secret,
    otherOutputs,
    url: () => assets.url,
    tokenTtlMs: options.tokenTtlMs ?? DAY_MS,
    expiredStatus: options.expiredStatus ?? 403,
    redirectUrl: (name, path) => redirectUrl(name, path, assets.url),
  })
  const handler = new RunwayApi({
    world,
    disturbance,
    validate: options.validate ?? true,
    lenientModels: options.lenientModels ?? false,
    issueUrls: (task) => assetHost.issueUrls(task),
    uploadUrl: (uploadId) => `${assets.url}/uploads/${uploadId}`,
    isOwnUrl: (url) => url.origin === assets.url,
    redirectUrl: (name, path) => (name === 'other' ? `${assets.url}/redirected` : redirectUrl(name, path, api.url)),
    refuse: (ms) => api.refuse(ms),
  })
  const listen = (name: string, port: number | undefined, handle: (exchange: Exchange) => Promise<void>): Listener =>
    new Listener({
      host,
      port: port ?? 0,
      publicHost,
      clock,
      handle: (request, response) => {
        const entry = journal.open(name, request, response)
        handle({ request, response, entry, clock }).catch((error: Error) => giveUp(response, error))
      },
    })
  const api = listen('runway', options.port, (exchange) => handler.handle(exchange))
  const assets = listen('assets', options.assetsPort, (exchange) => assetHost.handle(exchange))
  await api.start()
  try {
    await assets.start()
  } catch (error) {
    await api.close()
    throw error
  }
  return new RunwaySimulator({ world, disturbance, assetHost, api, assets })
}

function defaultKey(seeded: Seeded): string {
  const parts = [1, 2].map((part) => seeded.digest(`key ${part}`).toString('hex'))
  return `key_${parts.join('')}`
}
