import { z } from 'zod'
import type { Child } from './child.ts'
import type { Scope } from './scope.ts'

const Counts = z.object({
  creates: z.number(),
  /** Creates of a job that had been created before. */
  duplicates: z.number(),
  polls: z.number(),
  answeredPolls: z.number(),
  files: z.number(),
  webhooks: z.number(),
  lastCreateAtMs: z.number(),
  lastPollAtMs: z.number(),
})
export type Counts = z.infer<typeof Counts>

/** When each sampled task was looked at, in order. */
const Looks = z.record(z.string(), z.array(z.number()))
export type Looks = z.infer<typeof Looks>

export type Behaviour = {
  succeedsAtLook?: number
  status?: 'RUNNING' | 'THROTTLED'
  createMs?: number
  pollMs?: number
}

/** `targets/vendor-stub.ts` as the bench sees it. */
export class Vendor {
  readonly url: string
  readonly child: Child

  constructor(child: Child, url: string) {
    this.child = child
    this.url = url
  }

  async behave(behaviour: Behaviour): Promise<void> {
    await this.child.ask('behave', behaviour)
  }

  async counts(): Promise<Counts> {
    return Counts.parse(await this.child.ask('counts'))
  }

  async looks(): Promise<Looks> {
    return Looks.parse(await this.child.ask('looks'))
  }

  async forgetLooks(): Promise<void> {
    await this.child.ask('forget looks')
  }
}

export async function startVendor(scope: Scope, behaviour: Behaviour = {}): Promise<Vendor> {
  const child = scope.child({ script: 'bench/src/targets/vendor-stub.ts', core: 'others' })
  const vendor = new Vendor(child, z.string().parse(await child.ask('url')))
  await vendor.behave(behaviour)
  return vendor
}
