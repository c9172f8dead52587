import { type LocalHouse, openLocalHouse } from './local-house.ts'

const port = Number(process.env['PORT'] ?? 8080)

let house: LocalHouse
try {
  // Any model name is taken: the vendor's list grows faster than the simulator's.
  house = await openLocalHouse({ name: 'dev', port, speed: 1, reload: true, simulator: { lenientModels: true } })
} catch (error) {
  console.error(`The house did not come up: ${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
const { simulator, parts, apiUrl, apiKey, webhookSecret } = house
console.log(`
genqueue runs on ${apiUrl} and reloads when a source file changes.
No API key is needed here; for clients that insist on one:
  export ADMIN_API_KEY=${apiKey}
${Object.entries(parts)
  .map(([part, what]) => `  ${part.padEnd(8)} ${what}`)
  .join('\n')}
  webhooks signed with ${process.env['WEBHOOK_SECRET'] ? 'your WEBHOOK_SECRET' : webhookSecret}
${simulator ? `  receiver ${simulator.receiver.url}/anything (answers 204)\n  control  ${simulator.control.url}/__sim/\n` : ''}
Try it:
  curl -X POST ${apiUrl}/v1/videos -H 'Content-Type: application/json' \\
    -d '{"model": "runway/gen4.5", "prompt": "A lake at dawn", "seconds": "2"}'
  curl -X POST ${apiUrl}/v1/images/generations -H 'Content-Type: application/json' \\
    -d '{"model": "runware/runware:101@1", "prompt": "A lake at dawn", "size": "512x512"}'
  ${apiUrl}/docs
Ctrl-C ends it.`)

let isEnding = false
const end = async (exitCode: number) => {
  if (isEnding) return
  isEnding = true
  await house.stop()
  process.exit(exitCode)
}
process.on('SIGINT', () => void end(0))
process.on('SIGTERM', () => void end(0))
house.broken.catch((error) => {
  if (isEnding) return
  console.error(error instanceof Error ? error.message : error)
  void end(1)
})
