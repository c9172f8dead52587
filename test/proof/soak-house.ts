import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisProcess, startRedis } from '../../scripts/redis-process.ts'
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts'
import { ProcessOfSeats } from './process-of-seats.ts'
import type { Seat } from './seat.ts'
import type { World } from './world.ts'

const HITS_OF_NOBODY = '/dev/null'

/** One worker or API that is started again whenever it has gone, as an orchestrator does. */
type Place = { name: string; role: Seat['role']; process: ProcessOfSeats | undefined; url: string }

export type Ended = { code: number | null; signal: NodeJS.Signals | null }

/** Workers, APIs and a Redis behind a network of its own, each of which can be taken down and comes back. */
export class SoakHouse {
  readonly env: Record<string, string>
  readonly proxy: TcpProxy
  /** How those ended that were asked to. */
  readonly exits: Ended[] = []
  readonly logFile: string
  readonly #world: World
  readonly #binary: string
  readonly #log: number
  readonly #places: Place[]
  #redis: RedisProcess
  #isClosing = false
  #turn = 0
  #keeping: Promise<void>[] = []

  private constructor(
    world: World,
    { binary, redis, proxy }: { binary: string; redis: RedisProcess; proxy: TcpProxy },
  ) {
    this.#world = world
    this.#binary = binary
    this.#redis = redis
    this.proxy = proxy
    this.env = world.env('soak', { REDIS_URL: proxy.url, LOG_LEVEL: 'info', SHUTDOWN_GRACE_MS: '5000' })
    this.logFile = join(world.folder, 'processes.log')
    this.#log = openSync(this.logFile, 'a')
    const place = (role: Seat['role'], n: number): Place => ({
      name: `${role}-${n}`,
      role,
      process: undefined,
      url: '',
    })
    this.#places = [0, 1, 2].map((n) => place('worker', n)).concat([0, 1].map((n) => place('api', n)))
  }

  static async open(world: World, binary: string): Promise<SoakHouse> {
    const redis = world.redis
    const house = new SoakHouse(world, { binary, redis, proxy: await startTcpProxy(redis.port) })
    await Promise.all(house.#places.map((place) => house.#start(place)))
    return house
  }

  /** An API that has not gone, the next one each time. */
  get apiUrl(): string {
    this.#turn += 1
    const apis = this.#places.filter(({ role, process }) => role === 'api' && process?.isGone === false)
    return apis[this.#turn % Math.max(1, apis.length)]?.url ?? 'http://127.0.0.1:9'
  }

  /** Takes one of a kind away and brings another in its place a moment later. */
  async replace(role: Seat['role'], signal: 'SIGKILL' | 'SIGTERM', which: number, afterMs: number): Promise<void> {
    const place = this.#alive(role, which)
    if (!place?.process) return
    const leaving = place.process
    const ended = leaving.end(signal).then((exit) => {
      if (signal === 'SIGTERM') this.exits.push(exit)
    })
    // Who drains is replaced meanwhile, as in a rollout.
    if (signal === 'SIGKILL') await ended
    else this.#keeping.push(ended)
    await sleep(afterMs)
    if (!this.#isClosing) await this.#start(place)
  }

  /** A worker stands still, and goes on. */
  async pause(which: number, forMs: number): Promise<void> {
    const child = this.#alive('worker', which)?.process?.child
    child?.kill('SIGSTOP')
    await sleep(forMs)
    child?.kill('SIGCONT')
  }

  async killRedis(awayMs: number): Promise<void> {
    const { dir, port } = this.#redis
    await this.#redis.kill('SIGKILL')
    await sleep(awayMs)
    const options = { binary: this.#binary, dir, port, appendonly: true } as const
    // It answers when it has loaded its file.
    this.#redis = await startRedis(options)
  }

  /** Past the network of its own. */
  get redisUrl(): string {
    return this.#redis.url
  }

  /** Ends everybody as an operator does. */
  async drain(): Promise<void> {
    this.#isClosing = true
    await Promise.all(this.#keeping)
    const left = this.#places.flatMap(({ process }) => (process && !process.isGone ? [process] : []))
    this.exits.push(...(await Promise.all(left.map((process) => process.end('SIGTERM')))))
  }

  async close(): Promise<void> {
    await this.drain()
    await this.proxy.close()
    if (this.#redis !== this.#world.redis) await this.#redis.stop()
    closeSync(this.#log)
  }

  #alive(role: Seat['role'], which: number): Place | undefined {
    const alive = this.#places.filter((place) => place.role === role && place.process?.isGone === false)
    return alive[which % Math.max(1, alive.length)]
  }

  /** Until it stands, however often Redis goes meanwhile. */
  async #start(place: Place): Promise<void> {
    for (;;) {
      const opened = await ProcessOfSeats.open({
        cacheDir: join(this.#world.folder, 'cache'),
        env: { LOG_LEVEL: 'info' },
        errorsTo: this.#log,
      })
      try {
        const seat = { name: place.name, role: place.role, env: this.env, faults: '', hitsFile: HITS_OF_NOBODY }
        place.url = await opened.start(seat)
        place.process = opened
        return
      } catch {
        await opened.end('SIGKILL')
      }
    }
  }
}
