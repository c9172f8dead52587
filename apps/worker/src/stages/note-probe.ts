import type { JobRecord } from '@genqueue/jobs'
import type { WaitOutcome } from '@genqueue/providers'
import type { ProviderKey } from '../key-ring.ts'
import type { SubmitDeps } from './submit-deps.ts'

/** The first loss may be the fault of its own job: the next one tries at once. */
const FIRST_REST_MS = 1
/** Doubled by each probe that is lost; the first of them makes it 5 s. */
const REST_MS = 2_500
const LONGEST_REST_MS = 120_000

/**
 * Keeps an outage from taking a whole queue with it. A create that is lost, and can neither be asked for nor repeated,
 * costs its job; so after one the others wait while one job at a time tries the key, ever more seldom, until the vendor
 * answers.
 */
export async function noteProbe(
  job: JobRecord,
  { key, isProbe }: { key: ProviderKey; isProbe: boolean },
  outcome: WaitOutcome,
  { provider, keyRing, speed, log, meter }: SubmitDeps,
): Promise<void> {
  if (provider.repeatsAreSafe) return
  const isAway = outcome.kind === 'not_accepted' && outcome.reason === 'unavailable'
  if (outcome.kind !== 'unknown' && !isAway) {
    if (isProbe) await keyRing.noteAnswered(key)
    return
  }
  // Nothing was lost, and nothing is known of what would be.
  if (isAway && !isProbe) return
  const rest = await keyRing.noteLost(key, {
    restMs: (isProbe ? REST_MS : FIRST_REST_MS) / speed,
    longestMs: LONGEST_REST_MS / speed,
    wasProbe: isProbe,
  })
  if (!rest.isNew) return
  meter?.count('provider_key_rests_total', { provider: job.provider, reason: 'unavailable' })
  log.error(
    { provider: job.provider, keyId: key.id, jobId: job.id, reason: 'unavailable', restMs: rest.restMs },
    'provider key rests after a lost create',
  )
}
