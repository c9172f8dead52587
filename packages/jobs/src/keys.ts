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
    /** Pending deliveries to a destination; score: when they are due. Leaves with the last; outbox.lua names the rest. */
    outbox: (destination: string) => `${prefix}:outbox:${destination}`,
    /** Deliveries to a destination that are being sent; score: the end of the lease. */
    sending: (destination: string) => `${prefix}:sending:${destination}`,
    /** Destinations that took the last webhook, by when one is to be sent there next. */
    destinations: `${prefix}:destinations`,
    /** The others: new ones, and those that fail. */
    suspects: `${prefix}:suspects`,
    /** Window, circuit and failures of a destination. */
    destination: (destination: string) => `${prefix}:destination:${destination}`,
    /** Deliveries that are kept for when the endpoint is enabled again; score: since when. */
    held: (destination: string) => `${prefix}:held:${destination}`,
    /** `<API key> <SHA-1 of a webhook_url>` of a team whose URL answered 410; score: when. At most 1,000. */
    goneUrls: (team: string) => `${prefix}:gone-urls:${team}`,
    /** Delivery ids of a team by when they were made. */
    deliveries: (team: string) => `${prefix}:deliveries:${team}`,
    /** Endpoint id → `EndpointRow`; made and deleted by the team. */
    endpoints: (team: string) => `${prefix}:endpoints:${team}`,
    /** Present while one worker counts, for all, what stands where. */
    census: `${prefix}:census`,
    /** Written before a replica's acknowledgement is waited for, so that there is something to acknowledge. */
    replicated: `${prefix}:replicated`,
    /** `<provider> <task id> <job id>` of tasks that belong to no job any more; at most 1,000. */
    orphans: `${prefix}:orphans`,
    /** Queued jobs of a team that wait for their turn in a lane; score: priority, then intake. Leaves with its last job. */
    line: (queue: string, lane: string, team: string) => `${prefix}:line:${queue}:${lane}:${team}`,
    /** Teams with a line in the lane; score: the turn they have next. */
    ring: (queue: string, lane: string) => `${prefix}:ring:${queue}:${lane}`,
    /** Jobs that have their turn and have not begun; score: when its message is sent again. */
    fed: (queue: string, lane: string) => `${prefix}:fed:${queue}:${lane}`,
    /** `<lane> <team>` → the turn it had last, and the clock of turns under the empty name; goes with the last lane. */
    turns: (queue: string) => `${prefix}:turns:${queue}`,
    /** Lanes in which a job waits for its turn or has it. */
    lanes: (queue: string) => `${prefix}:lanes:${queue}`,
    /** Channel on which the id of every job is published when it has ended; for those who wait. */
    ended: `${prefix}:ended`,
    /** `team:<team>` and `key:<id>` → how many of its jobs have not ended. A field goes with the last of them. */
    inflight: `${prefix}:inflight`,
    /** Jobs, and what is held and spent, of a team or key in a UTC month and, by fields of their own, in its days. */
    spend: (scope: string, month: string) => `${prefix}:spend:${scope}:${month}`,
    /** Ended jobs whose task went on at its vendor; score: when it is asked what it has cost. */
    unsettled: `${prefix}:unsettled`,
    /** What the ended jobs of a UTC day came to, by team, key, provider and model. */
    usage: (day: string) => `${prefix}:usage:${day}`,
    /** Model, or `*` → until when and why a provider key may not be used for new tasks. */
    rests: (keyId: string) => `${prefix}:rests:${keyId}`,
    /** Ids of jobs that have, or may have, a task at the vendor under this key and lane. */
    slots: (keyId: string, lane: string) => `${prefix}:slots:${keyId}:${lane}`,
    /** Ids of jobs that have begun under this key and not ended: what a retired key is still needed for. */
    users: (keyId: string) => `${prefix}:users:${keyId}`,
    /** Which of `slots` and `users` are not empty, as `slots:<key>:<lane>` and `users:<key>`. */
    holders: `${prefix}:holders`,
    /** What the vendor last told about the limits of a key. */
    limits: (keyId: string) => `${prefix}:limits:${keyId}`,
    /** Present while the vendor need not be asked for them, or is being asked. */
    limitsLease: (keyId: string) => `${prefix}:limits-lease:${keyId}`,
  }
}

export type Keys = ReturnType<typeof createKeys>
