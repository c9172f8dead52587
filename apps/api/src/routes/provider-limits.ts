import type { ProviderKeyEntry, ProviderSettings } from '@genqueue/accounts'
import { ProviderLimits, type ProviderName, type Scope } from '@genqueue/contract'
import { KeyLimits, KeyRests, laneLimit } from '@genqueue/jobs'
import type { AppDeps } from '../app-deps.ts'
import { json } from '../reply.ts'
import type { ApiContext, Route } from '../route.ts'

type Base = { tag: 'Admin'; errors: 'problem'; scope: Scope }
type KeyShown = ProviderLimits['keys'][number]

/** What holds each key of a provider back, read live; `base` and `providerOf` are those of the provider's other routes. */
export function providerLimitRoutes(
  deps: AppDeps,
  { base, providerOf }: { base: Base; providerOf: (c: ApiContext) => ProviderName },
): Route[] {
  return [
    {
      ...base,
      method: 'GET',
      path: '/api/providers/:provider/limits',
      summary: 'See what limits the keys of a provider, what of it is used, and which keys rest',
      answers: { 200: { description: 'Key by key, as known to this moment', schema: ProviderLimits } },
      async handle(c) {
        const provider = providerOf(c)
        const settings = await deps.providerKeys.settings(provider)
        const entries = settings.keys.filter(({ retired }) => !retired)
        const lanes = await lanesInUse(deps)
        const keys = await Promise.all(
          entries.map((entry) => showKey(entry, settings, lanes.get(entry.id) ?? [], deps)),
        )
        return json(200, { provider, keys } satisfies ProviderLimits)
      },
    },
  ]
}

async function showKey(
  entry: ProviderKeyEntry,
  { limits: manual }: ProviderSettings,
  lanes: readonly string[],
  { redis, keys, now = Date.now }: AppDeps,
): Promise<KeyShown> {
  const { id, name, source, enabled, weight } = entry
  const [rests, snapshot, ...counts] = await Promise.all([
    new KeyRests({ redis, keys }).of(id, now()),
    new KeyLimits({ redis, keys }).read(id),
    ...lanes.map((lane) => redis.scard(keys.slots(id, lane))),
  ])
  const { limits: live, readAtMs, failure } = snapshot ?? {}
  const inUse = new Map(lanes.map((lane, n) => [lane, counts[n] ?? 0]))
  const models = new Set(['*', ...Object.keys(manual.perModel), ...lanes, ...Object.keys(live?.models ?? {})])
  return {
    name,
    fingerprint: id,
    source,
    usable: enabled && weight > 0,
    parked: rests.some(({ reason }) => reason === 'provider_auth'),
    credits: live?.credits ?? null,
    read_at: timestamp(readAtMs),
    failing_since: timestamp(failure?.sinceMs),
    failure: failure?.detail ?? null,
    rests: rests.map(({ model, reason, sinceMs, untilMs }) => ({
      model: model ?? null,
      reason,
      since: new Date(sinceMs).toISOString(),
      until: new Date(untilMs).toISOString(),
    })),
    models: [...models].map((model) => {
      const { limit, from } = laneLimit(model, manual, live)
      const told = live?.models[model]
      return {
        model,
        limit: limit ?? null,
        limit_from: from ?? null,
        in_use: inUse.get(model) ?? 0,
        per_day: manual.perModel[model]?.perDay ?? told?.maxPerDay ?? null,
        used_today: told?.usedToday ?? null,
      }
    }),
  }
}

/** Key → the lanes in which it has tasks at the vendor. */
async function lanesInUse({ redis, keys }: AppDeps): Promise<Map<string, string[]>> {
  const lanes = new Map<string, string[]>()
  for (const holder of await redis.smembers(keys.holders)) {
    const [, keyId = '', lane] = /^slots:([^:]+):(.+)$/.exec(holder) ?? []
    if (lane !== undefined) lanes.set(keyId, [...(lanes.get(keyId) ?? []), lane])
  }
  return lanes
}

function timestamp(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}
