import type { Socket } from 'node:net'

/** A client that leaves more than this unread, beyond what the kernel holds for it, does not read. */
const MAX_UNREAD_BYTES = 64 * 1024

export type StreamEvent = { event: string; id?: string; data: string }

/** Fields of Server-Sent Events; `data` is one line. */
export function eventText({ event, id, data }: StreamEvent): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`
}

/** An answer of Server-Sent Events whose head is written. */
export class EventStream {
  readonly #socket: Socket

  constructor(socket: Socket, onClose: () => void) {
    this.#socket = socket
    socket.once('close', onClose)
  }

  get isOpen(): boolean {
    return this.#socket.writable
  }

  /** Cuts off a client that does not read. */
  write(text: string): void {
    if (!this.isOpen) return
    this.#socket.write(text)
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) this.cut()
  }

  /** Closes once the client has been sent everything. */
  end(text = ''): void {
    if (!this.isOpen) return
    if (text !== '') this.#socket.write(text)
    this.#socket.destroySoon()
  }

  cut(): void {
    this.#socket.destroy()
  }
}
