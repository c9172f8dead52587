import { setTimeout as sleep } from 'node:timers/promises'
import type { Simulator } from '@genqueue/simulator'
import type { Ledger } from './ledger.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { SoakHouse } from './soak-house.ts'
import { behaveWell } from './soak-traffic.ts'

export type FaultLine = { atMs: number; fault: string }

type Deps = { house: SoakHouse; simulator: Simulator; random: SeededRandom; ledger: Ledger<FaultLine> }
/** Nothing where there was nobody to be hit. */
type Fault = (deps: Deps) => Promise<void> | undefined

/** Real milliseconds as the simulator's clock counts them. */
const CLOCK = 100

const FAULTS: Readonly<Record<string, readonly [weight: number, fault: Fault]>> = {
  'a worker is killed': [
    6,
    ({ house, random }) => house.replace('worker', 'SIGKILL', which(random), random.between(0, 2_000)),
  ],
  'a worker is asked to end': [3, ({ house, random }) => house.replace('worker', 'SIGTERM', which(random), 0)],
  'an API is killed': [
    3,
    ({ house, random }) => house.replace('api', 'SIGKILL', which(random), random.between(0, 1_000)),
  ],
  'an API is asked to end': [2, ({ house, random }) => house.replace('api', 'SIGTERM', which(random), 0)],
  'Redis is killed': [2, ({ house, random }) => house.killRedis(random.between(0, 2_000))],
  'a worker stands still': [3, ({ house, random }) => house.pause(which(random), random.between(500, 4_000))],
  'connections to Redis are cut': [3, async ({ house }) => house.proxy.cut()],
  'the network to Redis freezes': [
    2,
    async ({ house, random }) => {
      house.proxy.freeze()
      await sleep(random.between(200, 1_500))
      house.proxy.thaw()
    },
  ],
  'the network to Redis is slow': [
    2,
    async ({ house, random }) => {
      house.proxy.trouble.latencyMs = random.between(5, 60)
      await sleep(random.between(500, 3_000))
      delete house.proxy.trouble.latencyMs
    },
  ],
  'Runway answers 503': [2, async ({ simulator, random }) => simulator.runway.down(random.between(500, 3_000) * CLOCK)],
  'Runware answers 503': [
    2,
    async ({ simulator, random }) => simulator.runware.down(random.between(500, 3_000) * CLOCK),
  ],
  'Runway refuses connections': [
    1,
    async ({ simulator, random }) => simulator.runway.down(random.between(500, 2_000) * CLOCK, 'refused'),
  ],
  'Runway loses answers': [2, (deps) => storm(deps, 'runway')],
  'Runware loses answers': [2, (deps) => storm(deps, 'runware')],
  'the bucket is slow': [
    2,
    async ({ simulator }) =>
      void simulator.store.fault({ kind: 'slow', bytesPerSecond: 100_000, method: 'PUT', times: 3 }),
  ],
  'the bucket refuses': [
    2,
    async ({ simulator }) => void simulator.store.fault({ kind: 'slow_down', method: 'PUT', times: 5 }),
  ],
  'the bucket loses an answer': [
    2,
    async ({ simulator }) => void simulator.store.fault({ kind: 'lost_answer', operation: 'PutObject', times: 2 }),
  ],
  'downloads break off': [
    2,
    async ({ simulator }) => {
      simulator.runway.fault('dl.truncated', { n: 1 })
      simulator.runware.fault('dl.5xx', { n: 1 })
    },
  ],
  'receivers fail': [3, (deps) => misbehave(deps, { kind: 'answer', status: 500 })],
  'receivers hang': [2, (deps) => misbehave(deps, { kind: 'hang' })],
  'receivers reset': [2, (deps) => misbehave(deps, { kind: 'reset_after_reading' })],
  'receivers drip': [1, (deps) => misbehave(deps, { kind: 'drip_headers', intervalMs: 100 })],
}

/** Faults that come at random until the end, several at once where it happens so. Resolves when the last is over. */
export async function faultsAtRandom(
  deps: Deps,
  { meanMs, untilMs, signal }: { meanMs: number; untilMs: number; signal: AbortSignal },
): Promise<void> {
  const { random, ledger } = deps
  const weighted = Object.entries(FAULTS).map(([name, [weight, fault]]) => [weight, { name, fault }] as const)
  const underWay = new Set<Promise<void>>()
  for (;;) {
    const inMs = random.untilNext(meanMs)
    if (Date.now() + inMs > untilMs || signal.aborted) break
    await sleep(inMs)
    const { name, fault } = random.pick(weighted)
    const begun = fault(deps)
    if (!begun) continue
    ledger.add({ atMs: Date.now(), fault: name })
    const running = begun.finally(() => underWay.delete(running))
    underWay.add(running)
  }
  await Promise.all(underWay)
}

/** All receivers for a while: a number of calls would last for ever once a circuit lets only one through now and then. */
async function misbehave(
  { simulator: { receiver }, random }: Deps,
  behaviour: Parameters<Simulator['receiver']['behave']>[0],
): Promise<void> {
  receiver.behave(behaviour)
  await sleep(random.between(300, 2_000))
  behaveWell(receiver)
}

async function storm({ simulator, random }: Deps, vendor: 'runway' | 'runware'): Promise<void> {
  simulator[vendor].brownout(0.3, String(random.next()), { lossy: true })
  await sleep(random.between(1_000, 3_000))
  simulator[vendor].brownout(0, '')
}

function which(random: SeededRandom): number {
  return Math.floor(random.next() * 6)
}
