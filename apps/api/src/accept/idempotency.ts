import { hash } from 'node:crypto'
import { ProblemError } from '@genqueue/contract'
import type { StoredInput } from '@genqueue/jobs'

const VISIBLE_ASCII = /^[\x21-\x7e]{1,255}$/

/** The key of the header, as a structured-field string or bare, or else of the body; undefined when there is none. */
export function idempotencyKeyOf(header: string | null, inBody?: string): string | undefined {
  const [, quoted] = header === null ? [] : (/^"(.*)"$/.exec(header) ?? [])
  const key = quoted ?? header ?? inBody
  if (key === undefined) return undefined
  const param = header === null ? 'idempotency_key' : 'Idempotency-Key'
  if (!VISIBLE_ASCII.test(key)) {
    throw new ProblemError('invalid_idempotency_key', 'An idempotency key is 1 to 255 visible ASCII characters', {
      param,
    })
  }
  if (inBody !== undefined && inBody !== key) {
    const message = 'The Idempotency-Key header and idempotency_key differ; send one of them'
    throw new ProblemError('invalid_idempotency_key', message, { param: 'idempotency_key' })
  }
  return key
}

/** Names a key of one route; the same key elsewhere is another. */
export function idempotencyHash(route: string, key: string): string {
  return hash('sha256', `${route}\n${key}`, 'hex')
}

/**
 * What a second request must repeat to count as the same: the validated request in any order of keys. A stored input
 * is known by its hash, because every request stores it under another name.
 */
export function idempotencyOf(route: string, key: string, request: unknown, inputs: readonly StoredInput[]) {
  return {
    hash: idempotencyHash(route, key),
    fingerprint: hash('sha256', canonical(request, inputs), 'hex'),
  }
}

function canonical(value: unknown, inputs: readonly StoredInput[]): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, inputs)).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const input = '$input' in value && typeof value.$input === 'number' ? inputs[value.$input] : undefined
  if (input) return `<${input.sha256}>`
  const pairs = Object.entries(value).filter(([, item]) => item !== undefined)
  pairs.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${pairs.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item, inputs)}`).join()}}`
}
