import { connect, type Socket } from 'node:net'
import { z } from 'zod'
import { onQuestion } from '../probe.ts'

/** What to send, over and over. `{n}` in `body` and `idempotencyKey` is the number of the request. */
const Load = z.object({
  port: z.number(),
  method: z.enum(['GET', 'POST']),
  /** Taken in turn. */
  paths: z.array(z.string()).min(1),
  headers: z.record(z.string(), z.string()),
  body: z.string().optional(),
  idempotencyKey: z.string().optional(),
  connections: z.number(),
  /** Between an answer and the next request on its connection. */
  pauseMs: z.number().default(0),
  seconds: z.number(),
  expect: z.number(),
})
type Load = z.infer<typeof Load>

const MAX_ANSWER_BYTES = 65_536
const HEAD_END = Buffer.from('\r\n\r\n')
let requests = 0

type Tally = { latenciesMs: number[]; refused: number; unexpected: number; firstUnexpected: string }

/**
 * Sends with one request on the wire per connection. Bare sockets instead of an HTTP client: what the client costs is
 * taken from the core that Redis works on.
 */
async function run(load: Load) {
  const tally: Tally = { latenciesMs: [], refused: 0, unexpected: 0, firstUnexpected: '' }
  const startedMs = performance.now()
  const endMs = startedMs + load.seconds * 1000
  await Promise.all(Array.from({ length: load.connections }, () => drive(load, tally, endMs)))
  const seconds = (performance.now() - startedMs) / 1000
  const sorted = Float64Array.from(tally.latenciesMs).sort()
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return {
    requests: sorted.length,
    seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: sorted.at(-1) ?? Number.NaN,
    refused: tally.refused,
    unexpected: tally.unexpected,
    firstUnexpected: tally.firstUnexpected,
  }
}

function drive(load: Load, tally: Tally, endMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true })
    let sentMs = 0
    const next = () => {
      sentMs = performance.now()
      if (sentMs >= endMs) socket.end(resolve)
      else send(socket, load)
    }
    let answer = Buffer.alloc(0)
    socket.on('connect', next)
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      answer = answer.length === 0 ? chunk : Buffer.concat([answer, chunk])
      const length = answerLength(answer)
      if (length === undefined || answer.length < length) return
      tally.latenciesMs.push(performance.now() - sentMs)
      const status = Number(answer.toString('latin1', 9, 12))
      if (status === 503) tally.refused += 1
      else if (status !== load.expect) {
        tally.unexpected += 1
        tally.firstUnexpected ||= answer.toString('utf8', 0, 1000)
      }
      answer = Buffer.alloc(0)
      if (load.pauseMs > 0) setTimeout(next, load.pauseMs)
      else next()
    })
  })
}

function send(socket: Socket, { method, paths, headers, body, idempotencyKey }: Load): void {
  requests += 1
  const number = String(requests)
  const lines = [`${method} ${paths[requests % paths.length]} HTTP/1.1`, 'host: 127.0.0.1']
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
  if (idempotencyKey !== undefined) lines.push(`idempotency-key: ${idempotencyKey.replace('{n}', number)}`)
  const text = body?.replace('{n}', number) ?? ''
  if (body !== undefined) lines.push('content-type: application/json', `content-length: ${Buffer.byteLength(text)}`)
  socket.write(`${lines.join('\r\n')}\r\n\r\n${text}`)
}

/** Of head and body together; undefined while the head is not whole. */
function answerLength(answer: Buffer): number | undefined {
  const end = answer.indexOf(HEAD_END)
  if (end === -1) return undefined
  const head = answer.toString('latin1', 0, end)
  const length = /\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length === undefined || answer.length > MAX_ANSWER_BYTES) throw new Error(`cannot read this answer:\n${head}`)
  return end + HEAD_END.length + Number(length)
}

onQuestion('run', (load) => run(Load.parse(load)))
