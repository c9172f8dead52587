import { setTimeout as delay } from 'node:timers/promises'
import { startApi } from '../api.ts'
import type { Child } from '../child.ts'
import type { Context } from '../context.ts'
import type { Row } from '../row.ts'
import { scoped } from '../scope.ts'
import { measure, type Stand } from '../stand.ts'
import { startVendor } from '../vendor.ts'
import { startWorker } from '../worker.ts'

const MB = 1024 * 1024

/** What processes cost that have nothing to do. */
export function idle({ isQuick, say }: Context): Promise<Row[]> {
  const seconds = isQuick ? 3 : 10
  return scoped(async (scope) => {
    const stand = await scope.stand()
    const vendor = await startVendor(scope)
    const worker = await startWorker(scope, stand, { vendorUrl: vendor.url })
    const { child: api } = await startApi(scope, stand)
    await delay(2_000)
    say(`idle: nothing to do for ${seconds} s`)
    const [ofWorker, ofApi] = await Promise.all([rest(worker, stand, seconds), rest(api, stand, seconds)])
    return [
      { ...rowOf('worker', ofWorker), goal: '≤ 2 % of a core', ok: ofWorker.nodeShare <= 0.02 },
      rowOf('API', ofApi),
    ]
  })
}

type Rest = { nodeShare: number; redisShare: number; rssMb: number }

async function rest(child: Child, stand: Stand, forSeconds: number): Promise<Rest> {
  const { nodeUs, redisUs, seconds } = await measure(child, stand, () => delay(forSeconds * 1000))
  const rssMb = (await child.usage()).rssBytes / MB
  return { nodeShare: nodeUs / 1e6 / seconds, redisShare: redisUs / 1e6 / seconds, rssMb }
}

function rowOf(name: string, { nodeShare, redisShare, rssMb }: Rest): Row {
  const percent = (share: number) => `${(share * 100).toFixed(2)} %`
  const measured = `${percent(nodeShare)} (Redis ${percent(redisShare)} with both), RSS ${rssMb.toFixed(0)} MB`
  return { part: 'idle', what: `${name} with nothing to do`, measured, values: { nodeShare, redisShare, rssMb } }
}
