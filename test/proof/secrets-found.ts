import { readFile } from 'node:fs/promises'
import type { Simulator } from '@genqueue/simulator'
import { everythingIn } from '../everything-in.ts'
import { ADMIN_KEY, OTHER_TEAM_KEY, WEBHOOK_SECRET } from '../house-env.ts'

/** Given to the house of a soak beside what every house has. */
const CANARIES = {
  encryption: Buffer.from('canary-encryption-key-0123456789').toString('base64'),
  signing: Buffer.from('canary-signing-seed-0123456789ab').toString('base64'),
  metrics: 'canary-metrics-token-0123456789',
} as const

export const CANARY_ENV: Readonly<Record<string, string>> = {
  ENCRYPTION_KEYS: `k1:${CANARIES.encryption}`,
  WEBHOOK_SIGNING_KEY: `whsk_${CANARIES.signing}`,
  METRICS_TOKEN: CANARIES.metrics,
}

/** Looks for every secret that was given to the house wherever it has written anything; tells without the secret. */
export class SecretWatch {
  readonly #simulator: Simulator
  readonly #secrets: readonly (readonly [name: string, value: string])[]
  readonly #found = new Set<string>()
  /** How many texts were looked at, by place. */
  readonly looked = new Map<string, number>()

  constructor(simulator: Simulator) {
    const { runway, runware, store } = simulator
    this.#simulator = simulator
    this.#secrets = [
      ...runway.keys.map((key) => ['Runway key', key] as const),
      ...runware.keys.map((key) => ['Runware key', key] as const),
      ['admin key', ADMIN_KEY],
      ['team key', OTHER_TEAM_KEY],
      ['webhook secret', WEBHOOK_SECRET.slice('whsec_'.length)],
      ['storage secret', store.secretAccessKey],
      ['encryption key', CANARIES.encryption],
      ['signing key', CANARIES.signing.replace(/=+$/, '')],
      ['metrics token', CANARIES.metrics],
    ]
  }

  get secrets(): number {
    return this.#secrets.length
  }

  look(place: string, text: string): void {
    this.looked.set(place, (this.looked.get(place) ?? 0) + 1)
    for (const [name, value] of this.#secrets) if (text.includes(value)) this.#found.add(`the ${name} in ${place}`)
  }

  /** Looks through all that is kept, and tells what was found anywhere, and where there was nothing to look at. */
  async found({ redisUrl, logFile }: { redisUrl: string; logFile: string }): Promise<string[]> {
    const { store, receiver, journal } = this.#simulator
    const places: Readonly<Record<string, Iterable<string>>> = {
      'the log': (await readFile(logFile, 'utf8')).split('\n'),
      Redis: await everythingIn(redisUrl),
      'an answer': [],
      'a webhook': receiver.deliveries().map(({ rawHeaders, body }) => `${rawHeaders.join(' ')} ${body}`),
      'a request to a vendor': journal().map((each) => JSON.stringify(each)),
      'a request to the bucket': store.journal.map((each) => JSON.stringify(each)),
    }
    for (const [place, texts] of Object.entries(places)) for (const text of texts) this.look(place, text)
    const empty = Object.keys(places).filter((place) => (this.looked.get(place) ?? 0) < 2)
    return [...this.#found, ...empty.map((place) => `nothing was found in ${place}, so nothing was looked for`)]
  }
}
