import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisOptions, type RedisProcess, startRedis } from '../../scripts/redis-process.ts'
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts'
import { ProcessOfSeats } from './process-of-seats.ts'
import type { Seat } from './seat.ts'
import { CANARY_ENV } from './secrets-found.ts'
import { readVitals, type Vitals } from './soak-vitals.ts'
import type { World } from './world.ts'

const HITS_OF_NOBODY = '/dev/null'
/** What the simulated Runware charges. */
const PRICES = { models: { 'runware/runware:101@1': { per_result: 0.0038 } } }

/** As Redis is run in production: what was acknowledged is on the disk. */
export const SOAK_REDIS = { appendonly: true, appendfsync: 'always' } as const satisfies Partial<RedisOptions>
const REDIS_STARTS = 5
const ENDS_WITHIN_MS = 60_000

/** One worker or API that is started again whenever it has gone, as an orchestrator does. */
type Place = {
  name: string
  role: Seat['role']
  /** Never killed and never ended, so that one process of each kind is seen to grow, if it does. */
  isSpared: boolean
  /** Somebody is about to be replaced here. */
  isBusy: boolean
  process: ProcessOfSeats | undefined
  url: string
}

export type Ended = { code: number | null; signal: NodeJS.Signals | null }

/** Workers, APIs and a Redis behind a network of its own, each of which can be taken down and comes back. */
export class SoakHouse {
  readonly env: Record<string, string>
  readonly proxy: TcpProxy
  /** How those ended that were asked to. */
  readonly exits: Ended[] = []
  /** Who ended without being asked. */
  readonly crashes: string[] = []
  readonly logFile: string
  readonly #world: World
  readonly #binary: string
  readonly #log: number
  readonly #places: Place[]
  #redis: RedisProcess
  #isClosing = false
  #isRedisAway = false
  #turn = 0
  #keeping: Promise<void>[] = []

  private constructor(
    world: World,
    { binary, folder, redis, proxy }: { binary: string; folder: string; redis: RedisProcess; proxy: TcpProxy },
  ) {
    this.#world = world
    this.#binary = binary
    this.#redis = redis
    this.proxy = proxy
    this.env = world.env('soak', {
      REDIS_URL: proxy.url,
      LOG_LEVEL: 'info',
      SHUTDOWN_GRACE_MS: '5000',
      PRICES: JSON.stringify(PRICES),
      ...CANARY_ENV,
    })
    this.logFile = join(folder, 'processes.log')
    this.#log = openSync(this.logFile, 'a')
    const place = (role: Seat['role'], n: number): Place => ({
      name: `${role}-${n}`,
      role,
      isSpared: n === 0,
      isBusy: false,
      process: undefined,
      url: '',
    })
    this.#places = [0, 1, 2].map((n) => place('worker', n)).concat([0, 1].map((n) => place('api', n)))
  }

  /** `folder` keeps the log of all processes. */
  static async open(world: World, { binary, folder }: { binary: string; folder: string }): Promise<SoakHouse> {
    const redis = world.redis
    const house = new SoakHouse(world, { binary, folder, redis, proxy: await startTcpProxy(redis.port) })
    await Promise.all(house.#places.map((place) => house.#start(place)))
    return house
  }

  /** An API that has not gone, the next one each time. */
  get apiUrl(): string {
    this.#turn += 1
    const apis = this.#places.filter(({ role, process }) => role === 'api' && process?.isGone === false)
    return apis[this.#turn % Math.max(1, apis.length)]?.url ?? 'http://127.0.0.1:9'
  }

  /** Every API that has not gone, by its URL. */
  get apis(): (readonly [url: string, pid: number])[] {
    const apis = this.#places.filter(({ role, process }) => role === 'api' && process?.isGone === false)
    return apis.flatMap(({ url, process }) => (process?.child.pid ? [[url, process.child.pid] as const] : []))
  }

  /** Takes one of a kind away and brings another in its place a moment later; nothing where all are being replaced. */
  replace(
    role: Seat['role'],
    signal: 'SIGKILL' | 'SIGTERM',
    which: number,
    afterMs: number,
  ): Promise<void> | undefined {
    const place = this.#alive(role, which, ({ isSpared, isBusy }) => !isSpared && !isBusy)
    return place?.process && this.#replace(place, place.process, signal, afterMs)
  }

  /** A worker stands still, and goes on. */
  pause(which: number, forMs: number): Promise<void> | undefined {
    const child = this.#alive('worker', which)?.process?.child
    if (!child) return undefined
    child.kill('SIGSTOP')
    return sleep(forMs).then(() => void child.kill('SIGCONT'))
  }

  /** There is one Redis; it cannot be killed twice. */
  killRedis(awayMs: number): Promise<void> | undefined {
    if (this.#isRedisAway) return undefined
    this.#isRedisAway = true
    return this.#restartRedis(awayMs).finally(() => {
      this.#isRedisAway = false
    })
  }

  async #restartRedis(awayMs: number): Promise<void> {
    const { dir, port } = this.#redis
    await this.#redis.kill('SIGKILL')
    await sleep(awayMs)
    for (let attempt = 1; ; attempt += 1) {
      try {
        // It answers when it has loaded its file.
        this.#redis = await startRedis({ binary: this.#binary, dir, port, ...SOAK_REDIS })
        return
      } catch (error) {
        // A connection of somebody else's may have been given its port.
        if (attempt === REDIS_STARTS) throw error
      }
    }
  }

  /** Past the network of its own. */
  get redisUrl(): string {
    return this.#redis.url
  }

  /** Memory, files and lag of those that are spared, as their own metrics tell it. */
  async vitals(): Promise<Vitals[]> {
    return Promise.all(this.#places.filter(({ isSpared }) => isSpared).map(({ name, url }) => readVitals(name, url)))
  }

  /** Ends everybody as an operator does. */
  async drain(): Promise<void> {
    this.#isClosing = true
    await Promise.all(this.#keeping)
    const left = this.#places.flatMap(({ process }) => (process && !process.isGone ? [process] : []))
    await Promise.all(left.map((process) => this.#askToEnd(process)))
  }

  async close(): Promise<void> {
    await this.drain()
    await this.proxy.close()
    if (this.#redis !== this.#world.redis) await this.#redis.stop()
    closeSync(this.#log)
  }

  /** Who does not end by itself is killed, as an orchestrator does. */
  async #askToEnd(process: ProcessOfSeats): Promise<void> {
    const timer = setTimeout(() => process.child.kill('SIGKILL'), ENDS_WITHIN_MS)
    this.exits.push(await process.end('SIGTERM'))
    clearTimeout(timer)
  }

  #alive(role: Seat['role'], which: number, isMeant = (_: Place) => true): Place | undefined {
    const alive = this.#places.filter(
      (place) => place.role === role && place.process?.isGone === false && isMeant(place),
    )
    return alive[which % Math.max(1, alive.length)]
  }

  async #replace(place: Place, leaving: ProcessOfSeats, signal: 'SIGKILL' | 'SIGTERM', afterMs: number): Promise<void> {
    place.isBusy = true
    // Who drains is replaced meanwhile, as in a rollout.
    if (signal === 'SIGKILL') await leaving.end(signal)
    else this.#keeping.push(this.#askToEnd(leaving))
    await sleep(afterMs)
    await this.#start(place)
    place.isBusy = false
  }

  /** One that ended by itself is brought back, as an orchestrator does, and told of. */
  #hasEnded(place: Place, process: ProcessOfSeats, how: number | NodeJS.Signals | null): void {
    if (place.process !== process || place.isBusy || this.#isClosing) return
    this.crashes.push(`${place.name} ended by itself with ${how}`)
    this.#keeping.push(this.#start(place))
  }

  /** Until it stands, however often Redis goes meanwhile. */
  async #start(place: Place): Promise<void> {
    while (!this.#isClosing) {
      const opened = await ProcessOfSeats.open({
        cacheDir: join(this.#world.folder, 'cache'),
        env: { LOG_LEVEL: 'info' },
        errorsTo: this.#log,
      })
      try {
        const seat = { name: place.name, role: place.role, env: this.env, faults: '', hitsFile: HITS_OF_NOBODY }
        place.url = await opened.start(seat)
        place.process = opened
        void opened.exited.then(({ code, signal }) => this.#hasEnded(place, opened, code ?? signal))
        return
      } catch {
        await opened.end('SIGKILL')
      }
    }
  }
}
