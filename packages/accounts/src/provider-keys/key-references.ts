import { Secret } from '@genqueue/contract'

const PREFIX = 'env.'
const NAME = /^[A-Z][A-Z0-9_]{2,63}$/
/** What a vendor's header may carry. */
const USABLE = /^[\x21-\x7e]{1,512}$/
/** Ours, whatever the operator's pattern says: they must never be sent to a vendor. */
const OUR_OWN =
  /^(ENCRYPTION_KEYS?|REDIS_URL|ADMIN_API_KEY|API_KEYS|WEBHOOK_SECRET|WEBHOOK_SIGNING_KEY|HOOK_SECRET|METRICS_TOKEN|OTEL_.*|STORAGE_URL|S3_.*|AWS_.*|PROVIDER_KEY_ENV_PATTERN|RUN(WAY|WARE)_BASE_URL|NODE_.*)$/

export type ResolvedReference =
  | { kind: 'value'; value: Secret }
  | { kind: 'refused' | 'unset' | 'unusable'; reason: string }

export function isReference(value: string): boolean {
  return value.startsWith(PREFIX)
}

/** Reads `env.NAME` from this process's environment: only names that the operator's pattern allows, never our own. */
export class KeyReferences {
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #pattern: RegExp

  constructor(deps: { env: Readonly<Record<string, string | undefined>>; pattern: RegExp }) {
    this.#env = deps.env
    this.#pattern = deps.pattern
  }

  /** Why this may not be referred to; nothing when it may. */
  refusal(reference: string): string | undefined {
    const name = reference.slice(PREFIX.length)
    if (!NAME.test(name)) return 'must name a variable in capital letters, digits and _, such as env.RUNWAY_API_KEY'
    if (OUR_OWN.test(name)) return `names ${name}, which is the service's own and never sent to a vendor`
    if (!this.#pattern.test(name))
      return `names ${name}, but only variables that match ${this.#pattern.source} may be used`
    return undefined
  }

  resolve(reference: string): ResolvedReference {
    const reason = this.refusal(reference)
    if (reason !== undefined) return { kind: 'refused', reason }
    const name = reference.slice(PREFIX.length)
    // Own properties only: every object has a `constructor`.
    const text = Object.hasOwn(this.#env, name) ? this.#env[name]?.trim() : undefined
    if (text === undefined || text === '') return { kind: 'unset', reason: `${name} is not set` }
    if (text.includes(','))
      return { kind: 'unusable', reason: `${name} holds several keys; refer to one that holds one` }
    // The weight of `key@weight` is for the environment's own ring; a stored key has one of its own.
    const [key = ''] = text.split('@')
    if (!USABLE.test(key))
      return { kind: 'unusable', reason: `${name} holds something other than visible ASCII characters` }
    return { kind: 'value', value: new Secret(key) }
  }
}
