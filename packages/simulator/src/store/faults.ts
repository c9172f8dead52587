import { setTimeout as sleep } from 'node:timers/promises'
import { S3Error } from './s3-error.ts'
import type { Operation, S3Request } from './s3-request.ts'

/**
 * What goes wrong. `reset`, `stall` and `slow` act on the answer's body of a GetObject, else on the request's.
 * `error_in_200` is S3's way to fail CompleteMultipartUpload; `lost_answer` does the work and cuts the connection.
 */
export type Fault =
  | { kind: 'slow_down' | 'internal_error' | 'access_denied' | 'time_skewed' | 'error_in_200' | 'lost_answer' }
  | { kind: 'reset' | 'stall'; afterBytes?: number }
  | { kind: 'slow'; bytesPerSecond: number }

export type FaultRule = Fault & {
  operation?: Operation
  method?: string
  key?: string | RegExp
  /** How many matching requests it hits: once unless told; Infinity until canceled. */
  times?: number
}

export interface InjectedFault {
  remaining(): number
  cancel(): void
}

export class Faults {
  readonly #rules: { rule: FaultRule; left: number }[] = []

  add(rule: FaultRule): InjectedFault {
    const entry = { rule, left: rule.times ?? 1 }
    this.#rules.push(entry)
    return {
      remaining: () => entry.left,
      cancel: () => {
        entry.left = 0
      },
    }
  }

  /** The first rule that still has turns and fits; the turn is spent. */
  take(request: S3Request): Fault | undefined {
    const entry = this.#rules.find(({ rule, left }) => left > 0 && matches(rule, request))
    if (entry === undefined) return undefined
    entry.left -= 1
    return entry.rule
  }
}

/** Throws the refusal that a fault stands for; the other kinds act elsewhere. */
export function refuse(fault: Fault | undefined): void {
  if (fault?.kind === 'slow_down') throw new S3Error('SlowDown', 'Please reduce your request rate')
  if (fault?.kind === 'internal_error') throw new S3Error('InternalError', 'We encountered an internal error')
  if (fault?.kind === 'access_denied') throw new S3Error('AccessDenied', 'Access Denied')
  if (fault?.kind === 'time_skewed') {
    throw new S3Error(
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large',
    )
  }
}

/** Thrown where a fault, or the client, ended the connection: there is nobody left to answer. */
export class ConnectionCut extends Error {}

/** A body as the fault lets it through. */
export async function* disturb(
  source: AsyncIterable<Buffer>,
  fault: Fault | undefined,
  connection: { reset(): void; closed: AbortSignal },
): AsyncGenerator<Buffer> {
  const cutAfterBytes =
    fault?.kind === 'reset' || fault?.kind === 'stall' ? (fault.afterBytes ?? 0) : Number.POSITIVE_INFINITY
  let passedBytes = 0
  for await (const chunk of source) {
    const passing = chunk.subarray(0, cutAfterBytes - passedBytes)
    passedBytes += passing.length
    if (fault?.kind === 'slow') await pause((passing.length / fault.bytesPerSecond) * 1000, connection.closed)
    if (passing.length > 0) yield passing
    if (passing.length < chunk.length) break
  }
  if (cutAfterBytes === Number.POSITIVE_INFINITY) return
  if (fault?.kind === 'reset') connection.reset()
  await pause(2 ** 31 - 1, connection.closed)
  throw new ConnectionCut()
}

async function pause(delayMs: number, closed: AbortSignal): Promise<void> {
  try {
    await sleep(delayMs, undefined, { signal: closed })
  } catch (cause) {
    throw new ConnectionCut('The client has gone', { cause })
  }
}

function matches({ operation, method, key }: FaultRule, request: S3Request): boolean {
  if (operation !== undefined && operation !== request.operation) return false
  if (method !== undefined && method !== request.method) return false
  return key === undefined || (typeof key === 'string' ? key === request.key : key.test(request.key))
}
