import { connect, type Socket } from 'node:net'
import { z } from 'zod'
import { onQuestion } from '../probe.ts'

const Listeners = z.object({
  port: z.number(),
  paths: z.array(z.string()),
  headers: z.record(z.string(), z.string()),
})

const AT_ONCE = 100
const AGAIN_MS = 300
const sockets: Socket[] = []
let events = 0
let closed = 0

/** Opens a stream for each path and reads it for ever; resolves when each has had its first event. */
async function open(argument: unknown): Promise<void> {
  const { port, paths, headers } = Listeners.parse(argument)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  for (let from = 0; from < paths.length; from += AT_ONCE) {
    const some = paths.slice(from, from + AT_ONCE)
    await Promise.all(some.map((path) => listen(port, `GET ${path} HTTP/1.1\r\nhost: x\r\n${lines.join('')}\r\n`)))
  }
}

function listen(port: number, request: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let isTold = false
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(request))
    sockets.push(socket)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      const told = text.match(/^event: status$/gm)?.length ?? 0
      events += told
      isTold ||= told > 0
      if (isTold) resolve()
      else if (/^HTTP\/1.1 (?!200|503)/.test(text)) reject(new Error(text))
    })
    socket.on('error', reject)
    socket.on('close', () => {
      if (isTold) closed += 1
      // A busy machine: Redis took too long. Clients are told to come again.
      else setTimeout(() => listen(port, request).then(resolve, reject), AGAIN_MS)
    })
  })
}

onQuestion('open', open)
onQuestion('told', () => ({ events, closed }))
onQuestion('leave', () => {
  for (const socket of sockets.splice(0)) socket.destroy()
})
