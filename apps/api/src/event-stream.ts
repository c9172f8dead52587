import type { ServerResponse } from 'node:http'

/** A client that leaves more than this unread, beyond what the kernel holds for it, does not read. */
const MAX_UNREAD_BYTES = 64 * 1024

export type StreamEvent = { event: string; id?: string; data: string }

/** Fields of Server-Sent Events; `data` is one line. */
export function eventText({ event, id, data }: StreamEvent): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`
}

/**
 * An answer of Server-Sent Events whose head is written. It writes to the socket's own answer: a web stream in between
 * would cost each listener twice the memory.
 */
export class EventStream {
  readonly #outgoing: ServerResponse

  constructor(outgoing: ServerResponse, onClose: () => void) {
    this.#outgoing = outgoing
    // The server's own listener would hold the whole request for an abort that nobody waits for any more.
    outgoing.removeAllListeners('close')
    outgoing.once('close', onClose)
    // Whoever leaves in the middle of a write is no error of ours.
    outgoing.on('error', () => undefined)
  }

  get isOpen(): boolean {
    return !this.#outgoing.destroyed && !this.#outgoing.writableEnded
  }

  /** Cuts off a client that does not read. */
  write(text: string): void {
    if (!this.isOpen) return
    this.#outgoing.write(text)
    if (this.#outgoing.writableLength > MAX_UNREAD_BYTES) this.#outgoing.destroy()
  }

  end(text = ''): void {
    if (this.isOpen) this.#outgoing.end(text)
  }
}
