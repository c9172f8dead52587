import { writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { PINNING, pin } from './cores.ts'
import { accept } from './parts/accept.ts'
import { base64 } from './parts/base64.ts'
import { deliveries } from './parts/deliveries.ts'
import { fairness } from './parts/fairness.ts'
import { get } from './parts/get.ts'
import { idle } from './parts/idle.ts'
import { images } from './parts/images.ts'
import { inflight } from './parts/inflight.ts'
import { instrumentation } from './parts/instrumentation.ts'
import { kill } from './parts/kill.ts'
import { listeners } from './parts/listeners.ts'
import { looks } from './parts/looks.ts'
import { outage } from './parts/outage.ts'
import { pipeline } from './parts/pipeline.ts'
import { poll } from './parts/poll.ts'
import { printRows, type Row } from './row.ts'

const PARTS = {
  accept,
  fairness,
  get,
  poll,
  inflight,
  pipeline,
  deliveries,
  looks,
  images,
  base64,
  listeners,
  idle,
  instrumentation,
  kill,
  outage,
} as const

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
})
const unknown = positionals.filter((name) => !(name in PARTS))
if (unknown.length > 0) {
  console.error(`There is no part ${unknown.join(', ')}. Parts: ${Object.keys(PARTS).join(', ')}`)
  process.exit(2)
}
// So that everything that was started ends: children and Redis notice that this process is gone.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

pin('others', process.pid)
const context = { isQuick: values.quick, say: (text: string) => console.error(`… ${text}`) }
const loadBefore = loadavg()[0] ?? 0
const startedMs = performance.now()
const rows: Row[] = []
const failures: string[] = []
for (const [name, run] of Object.entries(PARTS)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  try {
    rows.push(...(await run(context)))
  } catch (error) {
    failures.push(`${name}: ${error instanceof Error ? error.stack : error}`)
  }
}
const seconds = Math.round((performance.now() - startedMs) / 1000)
const machine = `Node ${process.version}, ${cpus().length} cores, ${PINNING}, load before ${loadBefore.toFixed(1)}`
console.log(`\nµs are CPU time per operation: process + Redis. ${machine}. Took ${seconds} s.\n`)
printRows(rows)
for (const failure of failures) console.error(`\nFAILED ${failure}`)
if (values.json !== undefined) {
  const report = { at: new Date().toISOString(), machine, isQuick: values.quick, seconds, rows }
  await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`)
}
// A goal that is missed is a line in the table; only a part that could not be measured is a failure.
process.exitCode = failures.length > 0 ? 1 : 0
