import type { VendorLimits } from '@genqueue/contract'
import type { HttpResult } from '../http-attempt.ts'
import type { LimitsOutcome } from '../provider.ts'
import { Organization, readJson } from './wire.ts'

/** What the organization call says of limits. A number that is missing or makes no sense is no limit. */
export function limitsOutcome(result: HttpResult): LimitsOutcome {
  if (result.kind === 'failed') return { kind: 'error', reason: 'unavailable', detail: result.detail }
  const { status, text } = result
  if (status === 401 || status === 403) return { kind: 'error', reason: 'auth', detail: `HTTP ${status}` }
  if (status < 200 || status >= 300) return { kind: 'error', reason: 'unavailable', detail: `HTTP ${status}` }
  const organization = readJson(text, Organization)
  if (!organization) return { kind: 'error', reason: 'protocol', detail: 'The answer is not about an organization' }
  return { kind: 'known', limits: limitsOf(organization) }
}

function limitsOf({ creditBalance, tier, usage }: Organization): VendorLimits {
  const maxima = tier?.models ?? {}
  const used = usage?.models ?? {}
  const names = new Set([...Object.keys(maxima), ...Object.keys(used)])
  const models = [...names].map((name) => [
    name,
    {
      // A cap of 0 would hold jobs for good; the vendor itself is the one to refuse them.
      maxConcurrent: maxima[name]?.maxConcurrentGenerations || null,
      maxPerDay: maxima[name]?.maxDailyGenerations ?? null,
      usedToday: used[name]?.dailyGenerations ?? (usage?.models ? 0 : null),
    },
  ])
  return { credits: creditBalance ?? null, models: Object.fromEntries(models) }
}
