import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Secret } from '@genqueue/contract'
import { Agent } from 'undici'
import type { Call, Provider } from '../provider.ts'
import { createRunwareProvider, type RunwareOptions } from './provider.ts'

export const UUID = '24cd5dff-cb81-4db5-8506-b72a9425f9d1'
export const OTHER = 'e1a1a4cf-37a8-4f0f-9f6e-3f5b1c8a9f55'

type Asked = { text: string; tasks: Record<string, unknown>[]; headers: NodeJS.Dict<string | string[]> }
type Answer =
  | { status?: number; body?: unknown; headers?: Record<string, string> }
  | ((response: ServerResponse) => void)

export type FakeVendor = {
  provider: Provider
  /** Every request so far. */
  asked: Asked[]
  call(): Call
  /** Answers, in order; the last one goes on. */
  answer(...answers: Answer[]): void
  close(): Promise<void>
}

/** A server that says what it is told to, and the adapter in front of it. For tests of shapes. */
export async function fakeVendor(options: Partial<RunwareOptions> = {}): Promise<FakeVendor> {
  const asked: Asked[] = []
  let answers: Answer[] = [{ body: { data: [] } }]
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    asked.push({ text, tasks: JSON.parse(text), headers: request.headers })
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? {}
    if (typeof answer === 'function') return answer(response)
    const { status = 200, body = '', headers = {} } = answer
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const dispatcher = new Agent()
  const { port } = server.address() as AddressInfo // a listening TCP server has one
  const provider = createRunwareProvider({
    baseUrl: `http://127.0.0.1:${port}/v1`,
    dispatcher,
    submitTimeoutMs: 5_000,
    pollTimeoutMs: 5_000,
    uploadTimeoutMs: 5_000,
    ...options,
  })
  return {
    provider,
    asked,
    call: () => ({ key: new Secret('rw-key'), signal: new AbortController().signal }),
    answer: (...next) => {
      answers = next
    },
    async close() {
      await dispatcher.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
