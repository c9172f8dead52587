import type { ProviderName } from '@genqueue/contract'

/** Every key of this service. The hash tag keeps them in one Redis Cluster slot; tests use a tag of their own. */
export function createKeys(prefix = '{gq}') {
  return {
    prefix,
    /** Prefix of BullMQ's own keys. */
    bullmq: `${prefix}:bq`,
    job: (id: string) => `${prefix}:job:${id}`,
    jobPrefix: `${prefix}:job:`,
    /** (team, route, key) → job id and fingerprint. */
    idempotency: (team: string, hash: string) => `${prefix}:idem:${team}:${hash}`,
    /** Job ids of a team in order of intake, all scores 0. Trimmed by `expiring`. */
    list: (team: string) => `${prefix}:list:${team}`,
    /** Job ids that have not ended; score: when reconcile looks at them. */
    open: `${prefix}:open`,
    /** Tasks in flight at a vendor; score: when to look next, or the end of a poller's lease. */
    due: (provider: ProviderName) => `${prefix}:due:${provider}`,
    /** `<team>/<id>` of ended jobs; score: when the record expires. */
    expiring: `${prefix}:expiring`,
    /** Ended jobs whose stored inputs are still to be deleted; score: when they ended. */
    cleanup: `${prefix}:cleanup`,
    delivery: (id: string) => `${prefix}:delivery:${id}`,
    /** Deliveries that have not ended; score: when reconcile looks at them. */
    undelivered: `${prefix}:undelivered`,
    /** `<provider> <task id> <job id>` of tasks that belong to no job any more; at most 1,000. */
    orphans: `${prefix}:orphans`,
    /** Channel on which the id of every job is published when it has ended; for those who wait. */
    ended: `${prefix}:ended`,
    /** Present while a provider key (for one model, or `*`) may not be used for new tasks. */
    rest: (keyId: string, model: string) => `${prefix}:rest:${keyId}:${model}`,
  }
}

export type Keys = ReturnType<typeof createKeys>
