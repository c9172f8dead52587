import type { Agent, Dispatcher } from 'undici'
import { classifyNetworkError } from './classify-network-error.ts'
import { EgressError, type Written } from './egress-error.ts'

export type SendOptions = Dispatcher.RequestOptions & { signal: AbortSignal }

/** Rejects at the deadline even while the request still waits for a socket, which undici's own signal does not. */
export async function sendRequest(agent: Agent, options: SendOptions): Promise<Dispatcher.ResponseData> {
  const { signal, ...request } = options
  signal.throwIfAborted()
  let started = false
  const observed = agent.compose((dispatch) => (dispatchOptions, handler) => {
    const { onRequestStart } = handler
    handler.onRequestStart = (controller, context) => {
      if (!signal.aborted) started = true
      onRequestStart?.call(handler, controller, context)
    }
    return dispatch(dispatchOptions, handler)
  })
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const answer = observed.request({ ...request, signal })
  try {
    return await Promise.race([answer, aborted.promise])
  } catch (error) {
    answer.then(
      ({ body }) => body.on('error', () => {}).destroy(),
      () => {},
    )
    throw explained(error, started)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

const MESSAGES = {
  blocked: 'The host may not be called',
  invalid_url: 'The URL cannot be called',
  dns: 'The host could not be resolved',
  connect: 'The host could not be connected to',
  tls: 'The host offers no trustworthy TLS',
  timeout: 'The host took too long to answer',
  too_large: 'The answer is too large',
  redirect: 'The host redirects elsewhere',
  reset: 'The connection broke',
  protocol: 'The answer is not valid HTTP',
} as const

/** The classified error; whatever is not the network's (a caller's abort, a failing body) is passed on as it is. */
function explained(error: unknown, started: boolean): unknown {
  const { code, written } = classifyNetworkError(error)
  if (code === 'unknown' || code === 'aborted') return error
  const known: Written = started ? (written === true ? true : 'unknown') : false
  const message = error instanceof EgressError ? error.message : MESSAGES[code]
  const cause = error instanceof EgressError ? error.cause : error
  return new EgressError(code, message, { cause, written: known })
}
