import { readConfig } from './config.ts'
import { startSimulator } from './simulator.ts'

const simulator = await startSimulator(readConfig(process.env))
const { runway, runware, assets, store, receiver, control } = simulator

console.log(`The simulated outside world is up.

  Runway    ${runway.url}   key ${runway.keys[0] ?? ''}
  Runware   ${runware.url}   ${runware.wsUrl}   key ${runware.keys[0] ?? ''}
  Outputs   ${assets.url}   sample inputs at /samples/input.mp4, .png, .jpg, .wav
  S3 store  ${store.url}   bucket ${store.bucket}, key id ${store.accessKeyId}, secret ${store.secretAccessKey}
  Webhooks  ${receiver.url}   any path, answers 204
  Control   ${control.url}/__sim/   tasks, ledger, violations, deliveries, journal, scripts, limits, troubles

Point a client at Runway, for example:
  RUNWAYML_BASE_URL=${runway.url} RUNWAYML_API_SECRET=<the key>
Write a fault into a prompt to see it happen: [[sim:poll.failed code=INTERNAL]]
  all of them: curl ${control.url}/__sim/faults (or faults?provider=runware)
Ctrl-C ends it.`)

let isEnding = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (isEnding) return
    isEnding = true
    simulator.close().then(
      () => process.exit(0),
      (error: Error) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
}
