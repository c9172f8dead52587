import type { OnRequest } from '@genqueue/providers'
import type { Step, Tracing } from '@genqueue/tracing'
import type { CopyOutcome, CopySource } from './copy-output.ts'
import type { WebhookAnswer, WebhookCall } from './stages/notify.ts'

type Request = Parameters<OnRequest>[0]
type RequestEnd = Parameters<ReturnType<OnRequest>>[0]

/** A request to a vendor, within the step that makes it. Looks are made for nobody in particular and are not told of. */
export function traceRequest(
  provider: string,
  { op, method, host }: Request,
  tracing: Tracing | undefined,
): ((end: RequestEnd) => void) | undefined {
  if (!tracing?.isWithin) return undefined
  const attributes = { 'gen_ai.provider.name': provider, 'http.request.method': method, 'server.address': host }
  const step = tracing.begin(`${provider} ${op}`, { kind: 'client', attributes })
  return ({ code }) => {
    if (typeof code === 'number') setStatus(step, code)
    else step.fail(code)
    step.end()
  }
}

/** The copy of one output: down from the vendor and, by the same stream, up into the bucket. */
export function traceCopy(
  { url, index }: CopySource,
  copy: () => Promise<CopyOutcome>,
  tracing: Tracing | undefined,
): Promise<CopyOutcome> {
  if (tracing === undefined) return copy()
  // Of a data URL there is no host.
  const attributes = { 'genqueue.output': index, 'server.address': URL.parse(url)?.hostname || undefined }
  return tracing.step('copy output', { kind: 'client', attributes }, async (step) => {
    const outcome = await copy()
    if (outcome.kind === 'failed') step.fail(outcome.failure.code)
    else step.set({ 'genqueue.bytes': outcome.output.bytes, 'genqueue.content_type': outcome.output.contentType })
    return outcome
  })
}

type Send = (call: WebhookCall) => Promise<WebhookAnswer>

/** Sends webhooks as steps of the traces of their jobs, and tells receivers by `traceparent` which they are. */
export function traceWebhooks(
  send: Send,
  traceparentOf: (deliveryId: string) => Promise<string | undefined>,
  tracing: Tracing | undefined,
): Send {
  if (tracing === undefined) return send
  return async (call) => {
    const { id, url, attempt } = call
    const attributes = {
      'genqueue.delivery.id': id,
      'genqueue.attempt': attempt,
      'http.request.method': 'POST',
      'server.address': URL.parse(url)?.hostname,
    }
    // Of less worth than the webhook itself.
    const parent = await traceparentOf(id).catch(() => undefined)
    return tracing.step('send webhook', { kind: 'client', parent, attributes }, async (step) => {
      const answer = await send({ ...call, traceparent: step.traceparent })
      if (answer.kind === 'answered') setStatus(step, answer.status)
      else step.fail(answer.error)
      return answer
    })
  }
}

function setStatus(step: Step, status: number): void {
  step.set({ 'http.response.status_code': status })
  if (status >= 400) step.fail(String(status))
}
