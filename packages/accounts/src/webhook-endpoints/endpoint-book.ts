import { webhookKey } from '@genqueue/contract'
import type { Redis } from 'ioredis'
import type { AccountChanges } from '../account-changes.ts'
import { type Envelope, EnvelopeError } from '../envelope/envelope.ts'
import { FreshCache } from '../fresh-cache.ts'
import { type EndpointRecord, endpointSecretPlace, endpointsKey, parseEndpoint } from './endpoint-record.ts'

type Shut = { kind: 'disabled' } | { kind: 'locked'; reason: string }

/** Where an endpoint is called now, and what signs. `locked`: its secrets are sealed with a key that is not here. */
export type EndpointTarget = { kind: 'open'; url: string; keys: readonly Buffer[] } | Shut

type Page = { kind: 'open'; url: string; secrets: readonly { key: Buffer; expiresAtMs: number }[] } | Shut

export type EndpointBookDeps = {
  redis: Redis
  prefix: string
  envelope: Envelope | undefined
  changes: Pick<AccountChanges, 'isHearing' | 'onChange'>
  now?: () => number
}

/** Addresses and secrets of endpoints for those who send: opened once and kept until they are changed by any process. */
export class EndpointBook {
  readonly #cache: FreshCache<Page>
  /** Team → whether any of its endpoints is to be told of progress. */
  readonly #progress: FreshCache<boolean>
  readonly #now: () => number

  constructor({ redis, prefix, envelope, changes, now = Date.now }: EndpointBookDeps) {
    this.#now = now
    const load = async (name: string) => {
      const [team = '', id = ''] = name.split('/')
      const record = parseEndpoint(await redis.hget(endpointsKey(prefix, team), id))
      return record && pageOf(record, team, envelope, now())
    }
    this.#cache = new FreshCache({ load, isHearing: () => changes.isHearing, now })
    const loadProgress = async (team: string) => (await redis.hvals(endpointsKey(prefix, team))).some(wantsProgress)
    this.#progress = new FreshCache({ load: loadProgress, isHearing: () => changes.isHearing, now })
    changes.onChange((name) => {
      if (name === undefined) {
        this.#cache.clear()
        this.#progress.clear()
        return
      }
      this.#cache.drop(name)
      this.#progress.drop(name.split('/')[0] ?? '')
    })
  }

  /** Whether any endpoint of the team is to be told how far its jobs are. */
  async wantsProgress(team: string): Promise<boolean> {
    return (await this.#progress.get(team)) ?? false
  }

  /** Undefined when there is no such endpoint any more. */
  async target(team: string, id: string): Promise<EndpointTarget | undefined> {
    const name = `${team}/${id}`
    let page = await this.#cache.get(name)
    if (page?.kind === 'disabled') {
      // What is held stays so until somebody asks for it: nobody is to ask in vain because this process heard too late.
      this.#cache.drop(name)
      page = await this.#cache.get(name)
    }
    if (page?.kind !== 'open') return page
    const nowMs = this.#now()
    const keys = page.secrets.filter(({ expiresAtMs }) => expiresAtMs > nowMs).map(({ key }) => key)
    return { kind: 'open', url: page.url, keys }
  }
}

function wantsProgress(text: string): boolean {
  const record = parseEndpoint(text)
  return record?.status === 'enabled' && record.eventTypes.some((type) => type.endsWith('.progress'))
}

function pageOf(record: EndpointRecord, team: string, envelope: Envelope | undefined, nowMs: number): Page {
  const { id, url, status } = record
  if (status === 'disabled') return { kind: 'disabled' }
  if (envelope === undefined) return { kind: 'locked', reason: 'ENCRYPTION_KEYS is not set' }
  try {
    const place = endpointSecretPlace(team, id)
    // One that has ended may be sealed with a key that is gone, too.
    const secrets = record.secrets.flatMap(({ sealed, expiresAtMs = Infinity }) =>
      expiresAtMs > nowMs ? [{ key: webhookKey(envelope.open(sealed, place).reveal()), expiresAtMs }] : [],
    )
    return { kind: 'open', url, secrets }
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error
    return { kind: 'locked', reason: error.message }
  }
}
