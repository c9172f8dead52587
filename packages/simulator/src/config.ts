import { z } from 'zod'
import type { SimulatorOptions } from './simulator.ts'

const port = (usual: number) => z.coerce.number().int().min(0).max(65_535).default(usual)

/** The environment of a simulator that runs on its own; every variable has a usual value. */
const Env = z.object({
  SIM_HOST: z.string().default('127.0.0.1'),
  SIM_PUBLIC_HOST: z.string().optional(),
  SIM_RUNWAY_PORT: port(4010),
  SIM_ASSETS_PORT: port(4011),
  SIM_STORE_PORT: port(4012),
  SIM_RECEIVER_PORT: port(4013),
  SIM_CONTROL_PORT: port(4014),
  SIM_RUNWARE_PORT: port(4015),
  SIM_SPEED: z.coerce.number().positive().default(1),
  SIM_DIALECT: z.enum(['real', 'seed004']).default('real'),
  SIM_CONCURRENCY: z.coerce.number().int().positive().optional(),
  SIM_RUNWAY_KEY: z.string().optional(),
  SIM_RUNWARE_KEY: z.string().optional(),
})

const JOURNAL_LIMIT = 10_000

/** Throws an error that names each bad variable. */
export function readConfig(env: NodeJS.ProcessEnv): SimulatorOptions {
  const parsed = Env.safeParse(env)
  if (!parsed.success) throw new Error(`The environment is not right:\n${z.prettifyError(parsed.error)}`)
  const { data } = parsed
  return {
    host: data.SIM_HOST,
    publicHost: data.SIM_PUBLIC_HOST,
    clock: data.SIM_SPEED === 1 ? 'real' : { speed: data.SIM_SPEED },
    journalLimit: JOURNAL_LIMIT,
    runway: {
      port: data.SIM_RUNWAY_PORT,
      assetsPort: data.SIM_ASSETS_PORT,
      dialect: data.SIM_DIALECT,
      concurrency: data.SIM_CONCURRENCY,
      keys: data.SIM_RUNWAY_KEY === undefined ? undefined : [data.SIM_RUNWAY_KEY],
    },
    runware: {
      port: data.SIM_RUNWARE_PORT,
      keys: data.SIM_RUNWARE_KEY === undefined ? undefined : [data.SIM_RUNWARE_KEY],
    },
    store: { port: data.SIM_STORE_PORT },
    receiverPort: data.SIM_RECEIVER_PORT,
    controlPort: data.SIM_CONTROL_PORT,
  }
}
