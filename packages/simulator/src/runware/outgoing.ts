import { type ClientRequest, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'

export interface Sent {
  readonly method: 'POST' | 'PUT'
  readonly url: string
  readonly contentType: string
  readonly body: Buffer
  /** Real time, whatever the clock of the simulator says: the other end is real. */
  readonly withinMs: number
}

/** Requests the provider makes itself; closing breaks off those under way. */
export class Outgoing {
  readonly #open = new Set<ClientRequest>()

  /** The status of the answer, or undefined when there was none. */
  send({ method, url, contentType, body, withinMs }: Sent): Promise<number | undefined> {
    if (!/^https?:/.test(url) || !URL.canParse(url)) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const make = url.startsWith('https:') ? httpsRequest : httpRequest
      const headers = { 'content-type': contentType, 'content-length': body.length, connection: 'close' }
      const signal = AbortSignal.timeout(withinMs)
      const request = make(url, { method, headers, agent: false, signal }, (response) => {
        response.resume()
        response.once('close', () => resolve(response.complete ? response.statusCode : undefined))
      })
      this.#open.add(request)
      request.once('error', () => resolve(undefined))
      request.once('close', () => {
        this.#open.delete(request)
        resolve(undefined)
      })
      request.end(body)
    })
  }

  close(): void {
    for (const request of this.#open) request.destroy()
  }
}
