import type { Account } from '../accounts.ts'
import type { Disturbance } from '../disturbance.ts'
import { type Exchange, readBody } from '../exchange.ts'
import { isReply, type Reply, sendReply } from '../reply.ts'
import { itemsOf, whenAnswered } from './answer.ts'
import { accountOf, isAuthentication } from './authenticate.ts'
import type { Caller, Handled, RunwareContext } from './call.ts'
import { handleElement } from './element.ts'
import { encodeExactJson, parseExactJson } from './exact-json.ts'
import { type Problem, problem, statusOf } from './problem.ts'

export interface RestOptions extends RunwareContext {
  readonly disturbance: Disturbance
  readonly redirectUrl: (name: string, path: string) => string
  /** How long the edge lets a request wait for its results. */
  readonly edgeTimeoutMs: number
}

interface Admitted {
  readonly account: Account
  readonly elements: readonly unknown[]
}

const MAX_BODY_BYTES = 64 * 1024 * 1024

/** `POST /v1`: an array of tasks in, results and errors out. */
export class RunwareRest {
  readonly #options: RestOptions

  constructor(options: RestOptions) {
    this.#options = options
  }

  async handle(exchange: Exchange): Promise<void> {
    const { response, clock } = exchange
    const { disturbance } = this.#options
    const raw = await readBody(exchange, MAX_BODY_BYTES)
    if (response.destroyed) return
    response.sendDate = false
    response.setHeader('date', new Date(clock.now() + disturbance.skewMs).toUTCString())
    const { delayMs, failure, isAfterwards } = disturbance.next()
    const trouble =
      failure?.http === undefined ? failure : { ...failure, body: errorsOf(problem('serviceUnavailable')) }
    const respond = (): void => {
      if (response.destroyed) return
      if (trouble && !isAfterwards) sendReply(exchange, trouble, { status: 503, body: undefined })
      else this.#run(exchange, raw, trouble)
    }
    if (delayMs > 0) clock.after(delayMs, respond)
    else respond()
  }

  #run(exchange: Exchange, raw: Buffer | undefined, lostTo: Reply | undefined): void {
    const { world, edgeTimeoutMs } = this.#options
    const admitted = this.#admit(exchange, raw)
    if ('code' in admitted) {
      sendReply(exchange, {}, { status: statusOf(admitted), body: errorsOf(admitted) })
      return
    }
    const { account, elements } = admitted
    world.watch.requested(elements.length)
    const dryRun = exchange.request.headers['x-runware-dry-run']
    const caller: Caller = { account, isDryRun: dryRun === '1' || dryRun === 'true', isLost: lostTo !== undefined }
    const handled = elements.map((element) => handleElement(this.#options, caller, element))
    const replies = handled.flatMap((each) => each.reply ?? [])
    const reply = lostTo ?? replies.find(isReply) ?? replies.find(({ headers }) => headers) ?? {}
    const send = (): void => this.#send(exchange, reply, handled)
    const sendWhenAnswered = (): void => whenAnswered(exchange.clock, handled, edgeTimeoutMs, send)
    const hold = handled.flatMap((each) => each.hold ?? [])
    if (replacesAnswer(reply)) send()
    else if (hold.length === 0) sendWhenAnswered()
    else void Promise.allSettled(hold).then(sendWhenAnswered)
  }

  /** Whose request it is and what it asks for, or why it goes no further. */
  #admit({ request }: Exchange, raw: Buffer | undefined): Admitted | Problem {
    const path = (request.url ?? '/').split('?', 1)[0]?.replace(/\/$/, '')
    if (path !== '/v1') return problem('notFound')
    if (request.method !== 'POST') return problem('methodNotAllowed')
    if (!raw) return problem('payloadTooLarge')
    const parsed = parseExactJson(raw.toString())
    if (parsed === undefined) return problem('invalidJson', { message: 'The body is not JSON.' })
    if (!Array.isArray(parsed)) {
      return problem('arrayRequired', { message: 'The body must be an array of task objects.' })
    }
    const [first, ...others]: unknown[] = parsed
    const isAuthenticated = isAuthentication(first)
    const key = isAuthenticated ? first.apiKey : /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    const account = accountOf(this.#options.world, key)
    return 'code' in account ? account : { account, elements: isAuthenticated ? others : parsed }
  }

  #send(exchange: Exchange, reply: Reply, handled: readonly Handled[]): void {
    const { redirectUrl, outputs } = this.#options
    const data: object[] = []
    const errors: Problem[] = []
    for (const each of handled) {
      const items = itemsOf(each, outputs, exchange.clock.now())
      data.push(...items.data)
      errors.push(...items.errors)
    }
    const own = data.length > 0 || errors.length === 0 ? 200 : Math.max(...errors.map(statusOf))
    const status = handled.find((each) => each.status !== undefined)?.status ?? own
    const body = encodeExactJson({ data, ...(errors.length > 0 ? { errors } : {}) })
    const path = exchange.request.url ?? '/'
    const location = reply.redirect === undefined ? {} : { location: redirectUrl(reply.redirect, path) }
    sendReply(exchange, { ...reply, headers: { ...reply.headers, ...location } }, { status, body })
  }
}

/** Such an answer says nothing of the results, so nobody waits for them. */
function replacesAnswer({ http, fate, body }: Reply): boolean {
  return http !== undefined || body !== undefined || fate === 'drop' || fate === 'reset' || fate === 'hang'
}

function errorsOf(error: Problem): object {
  return { errors: [error] }
}
