import type { Account } from '../accounts.ts'
import type { Disturbance } from '../disturbance.ts'
import { type Exchange, readBody } from '../exchange.ts'
import { type Reply, sendReply } from '../reply.ts'
import { organizationCall, uploadCall } from './account-calls.ts'
import { type Answer, type ApiContext, type Call, DOC_URL, refusal } from './call.ts'
import { createCall } from './create-call.ts'
import { errorBody } from './error-body.ts'
import { taskCall } from './task-calls.ts'

export interface ApiOptions extends ApiContext {
  readonly disturbance: Disturbance
  readonly redirectUrl: (name: string, path: string) => string
}

const API_VERSION = '2024-11-06'
const MAX_BODY_BYTES = 64 * 1024 * 1024
const TASK_PATH = /^\/v1\/tasks\/([^/]+)$/

/** The provider's HTTP API: lets a request in, finds what answers it and sends that, bent as a script wants it. */
export class RunwayApi {
  readonly #options: ApiOptions

  constructor(options: ApiOptions) {
    this.#options = options
  }

  async handle(exchange: Exchange): Promise<void> {
    const { request, response, clock, entry } = exchange
    const { disturbance } = this.#options
    const raw = request.method === 'POST' ? await readBody(exchange, MAX_BODY_BYTES) : undefined
    if (response.destroyed) return
    response.sendDate = false
    response.setHeader('date', new Date(clock.now() + disturbance.skewMs).toUTCString())
    response.setHeader('apigw-requestid', `sim-${entry.ordinal}`)
    const { delayMs, failure, isAfterwards } = disturbance.next()
    const respond = (): void => {
      if (response.destroyed) return
      const isLost = failure !== undefined && isAfterwards
      const given = failure && !isLost ? refusal(503, 'Service Unavailable') : this.#answer(exchange, raw, isLost)
      this.#send(exchange, failure ? { ...given, reply: failure } : given)
    }
    if (delayMs > 0) clock.after(delayMs, respond)
    else respond()
  }

  #answer({ request, response }: Exchange, raw: Buffer | undefined, isLost: boolean): Answer {
    const { headers, method = '', url = '/' } = request
    const { world } = this.#options
    const account = this.#authenticate(headers.authorization)
    if ('regular' in account) return account
    const version = headers['x-runway-version']
    if (version !== API_VERSION) {
      world.watch.versionHeader(version === undefined ? undefined : String(version))
      return refusal(400, `X-Runway-Version must be ${API_VERSION}.`, { docUrl: DOC_URL })
    }
    const path = url.split('?', 1)[0] ?? url
    const whenClosed = (run: () => void): void => void response.once('close', run)
    const call: Call = { account, method, path, headers, raw, isLost, whenClosed }
    const taskId = TASK_PATH.exec(path)?.[1]
    if (taskId !== undefined) return taskCall(this.#options, call, taskId)
    if (path === '/v1/organization') return organizationCall(this.#options, call)
    if (path === '/v1/uploads') return uploadCall(this.#options, call)
    return createCall(this.#options, call)
  }

  #authenticate(authorization: string | undefined): Account | Answer {
    const [scheme, key] = (authorization ?? '').split(' ')
    const account = scheme === 'Bearer' && key ? this.#options.world.account(key) : undefined
    if (account?.status === 'active') return account
    const error = !key
      ? 'No API key was provided. Send it as a bearer token in the Authorization header.'
      : account?.status === 'suspended'
        ? 'This account has been suspended.'
        : 'The API key is not valid.'
    return refusal(401, error, { docUrl: DOC_URL })
  }

  #send(exchange: Exchange, { regular, reply }: Answer): void {
    const { world, redirectUrl } = this.#options
    const { dialect } = world.options
    const path = exchange.request.url ?? '/'
    const location = reply.redirect === undefined ? {} : { location: redirectUrl(reply.redirect, path) }
    const bent: Reply = {
      ...reply,
      headers: { ...reply.headers, ...location },
      ...(reply.body === undefined ? {} : { body: errorBody(dialect, reply.http ?? regular.status, reply.body) }),
    }
    sendReply(exchange, bent, { status: regular.status, body: errorBody(dialect, regular.status, regular.body) })
  }
}
