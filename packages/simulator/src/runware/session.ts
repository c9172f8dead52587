import type { WebSocket } from 'ws'
import type { Account } from '../accounts.ts'
import { encodeExactJson } from './exact-json.ts'
import type { Problem } from './problem.ts'

/** What a client that authenticated is told; it outlives the connection, and so does what could not be sent. */
export class Session {
  readonly uuid: string
  readonly account: Account
  #socket: WebSocket | undefined
  #pending: string[] = []

  constructor(uuid: string, account: Account) {
    this.uuid = uuid
    this.account = account
  }

  /** Sends what has piled up in the meantime. */
  connect(socket: WebSocket): void {
    this.#socket = socket
    for (const frame of this.#pending.splice(0)) this.#write(frame)
  }

  send(data: readonly object[], errors: readonly Problem[] = []): void {
    const isEmpty = data.length === 0 && errors.length > 0
    this.#write(encodeExactJson({ ...(isEmpty ? {} : { data }), ...(errors.length > 0 ? { errors } : {}) }))
  }

  #write(frame: string): void {
    const socket = this.#socket
    if (socket?.readyState === socket?.OPEN && socket) socket.send(frame)
    else this.#pending.push(frame)
  }
}
