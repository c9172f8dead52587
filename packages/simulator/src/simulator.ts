import { Clock, type ClockMode } from './clock.ts'
import { startControl } from './control.ts'
import { Journal, type JournalEntry } from './journal.ts'
import { type Receiver, startReceiver } from './receiver/receiver.ts'
import { createRunware, type RunwareOptions } from './runware/create-runware.ts'
import type { RunwareSimulator } from './runware/runware-simulator.ts'
import type { RunwaySimulator } from './runway/runway-simulator.ts'
import { type RunwayOptions, startRunway } from './runway/start-runway.ts'
import { type Store, type StoreOptions, startStore } from './store/store.ts'
import type { Violation } from './violation.ts'

export interface SimulatorOptions {
  /** Where everything listens; loopback unless given. */
  readonly host?: string | undefined
  /** The host name written into URLs, where it differs. */
  readonly publicHost?: string | undefined
  readonly clock?: ClockMode | undefined
  /** Same seed, same requests: same ids, tokens and outputs. */
  readonly seed?: string | undefined
  /** How many requests the journal remembers; all of them unless given. */
  readonly journalLimit?: number | undefined
  readonly runway?: RunwayOptions | undefined
  readonly runware?: RunwareOptions | undefined
  readonly store?: Omit<StoreOptions, 'host' | 'publicHost'> | undefined
  readonly receiverPort?: number | undefined
  readonly controlPort?: number | undefined
}

export interface Simulator {
  readonly runway: RunwaySimulator
  readonly runware: RunwareSimulator
  readonly assets: { readonly url: string }
  readonly store: Store
  readonly receiver: Receiver
  readonly control: { readonly url: string }
  readonly clock: Clock
  /** Requests to the providers and their asset host, with an ordinal above `since`. */
  journal(since?: number): JournalEntry[]
  violations(): Violation[]
  /** The providers as new; their caps and keys, the store and the receiver stay as they are. */
  reset(): void
  /** Leaves no server, socket or timer behind. */
  close(): Promise<void>
}

/** Starts the outside world: the providers, their asset host, an S3 store, a webhook receiver and a control port. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = '127.0.0.1', publicHost } = options
  const clock = new Clock(options.clock)
  const journal = new Journal(clock, options.journalLimit)
  const seed = options.seed ?? 'genqueue'
  const names = { host, ...(publicHost === undefined ? {} : { publicHost }) }
  const closers: (() => Promise<void>)[] = [async () => clock.close()]
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    const surroundings = { host, publicHost, clock, journal, seed }
    const runware = createRunware(options.runware ?? {}, { ...surroundings, assetsUrl: () => runway.assetsUrl })
    const runway = await startRunway(options.runway ?? {}, {
      ...surroundings,
      otherOutputs: (exchange) => runware.serveOutput(exchange),
    })
    closers.push(() => runway.close())
    await runware.start()
    closers.push(() => runware.close())
    const store = await startStore({ ...options.store, ...names })
    closers.push(() => store.close())
    const receiver = await startReceiver({ port: options.receiverPort ?? 0, ...names })
    closers.push(() => receiver.close())
    const simulator = {
      runway,
      runware,
      assets: { url: runway.assetsUrl },
      store,
      receiver,
      clock,
      journal: (since?: number) => journal.since(since),
      violations: () => [...runway.violations(), ...runware.violations()],
      reset: () => {
        runway.reset()
        runware.reset()
        journal.clear()
      },
      close: closeAll,
    }
    const control = await startControl(simulator, { host, publicHost, port: options.controlPort ?? 0 })
    closers.push(() => control.close())
    return { ...simulator, control: { url: control.url } }
  } catch (error) {
    await closeAll()
    throw error
  }
}
