import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from './clock.ts'

export interface ListenerOptions {
  readonly host: string
  readonly port: number
  /** The host name written into URLs; the bound address when absent. */
  readonly publicHost?: string | undefined
  readonly clock: Clock
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void
  /** Takes over connections that are to become WebSockets; without it there are none. */
  readonly upgrade?: ((request: IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined
}

/** One origin of the simulated world: it can be refused for a while, and closing it leaves no socket behind. */
export class Listener {
  readonly #options: ListenerOptions
  readonly #server: Server
  /** The server forgets a connection that was upgraded, but waits for it when it closes. */
  readonly #upgraded = new Set<Duplex>()
  #port = 0
  #comeBack: (() => void) | undefined
  #transition: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, options.handle)
    const { upgrade } = options
    if (!upgrade) return
    this.#server.on('upgrade', (request, socket, head) => {
      this.#upgraded.add(socket)
      socket.once('close', () => this.#upgraded.delete(socket))
      upgrade(request, socket, head)
    })
  }

  async start(): Promise<void> {
    await this.#listen(this.#options.port)
    // `listen` on a TCP port always gives an AddressInfo; a string is only given for pipes.
    this.#port = (this.#server.address() as AddressInfo).port
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `http://${this.#options.publicHost ?? this.#options.host}:${this.#port}`
  }

  /** Stops listening for `ms` of clock time: connections are refused, open ones are cut. */
  refuse(ms: number): void {
    if (this.#comeBack || this.#closed) return
    const stopped = this.#stop()
    this.#transition = stopped
    this.#comeBack = this.#options.clock.after(ms, () => {
      this.#comeBack = undefined
      this.#transition = stopped.then(() => (this.#closed ? undefined : this.#listen(this.#port)))
    })
  }

  dropConnections(): void {
    this.#server.closeAllConnections()
    for (const socket of this.#upgraded) socket.destroy()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#comeBack?.()
    await this.#transition
    await this.#stop()
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, this.#options.host, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
  }

  #stop(): Promise<void> {
    if (!this.#server.listening) return Promise.resolve()
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.dropConnections()
    })
  }
}

/** A mistake of the simulator itself must not pass for one of the faults it plays. */
export function giveUp(response: ServerResponse, error: Error): void {
  console.error('The simulator failed to answer', error)
  response.destroy(error)
}
