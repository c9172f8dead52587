import { PROVIDERS } from '@genqueue/contract'

/** What a metric is, in whose process it is counted, and by which labels. Labels have few values: never an id, URL or key. */
export type Metric = {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly of: 'api' | 'worker' | 'both'
  readonly labels: readonly string[]
  readonly help: string
  /** Of a histogram. */
  readonly buckets?: readonly number[]
  /** Of a counter that is alerted on: all values of its labels. It is told as 0 from the start, so that its first event shows. */
  readonly known?: Readonly<Record<string, readonly string[]>>
}

const CALL_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
const JOB_SECONDS = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 86_400]
const LAG_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export const PREFIX = 'genqueue_'

/** Every metric there is; `docs/operations.md` says what to do about each. Names are written once, here. */
export const METRICS = {
  http_requests_total: {
    type: 'counter',
    of: 'api',
    labels: ['route', 'method', 'code'],
    help: 'Requests answered, by the pattern of their route',
  },
  http_request_duration_seconds: {
    type: 'histogram',
    of: 'api',
    labels: ['route', 'method'],
    help: 'Until the answer is ready to be written',
    buckets: CALL_SECONDS,
  },
  jobs_accepted_total: {
    type: 'counter',
    of: 'api',
    labels: ['provider', 'model', 'kind'],
    help: 'New jobs; replays are not counted',
  },
  idempotency_total: {
    type: 'counter',
    of: 'api',
    labels: ['result'],
    help: 'Requests for a job with an idempotency key: created, replayed, conflict',
  },
  ratelimit_rejected_total: {
    type: 'counter',
    of: 'api',
    labels: ['limit'],
    help: 'Requests refused by a limit of ours, by the code of the answer',
  },
  jobs_terminal_total: {
    type: 'counter',
    of: 'both',
    labels: ['provider', 'status', 'reason'],
    help: 'Jobs that have ended; reason is the error code of those that failed',
  },
  job_duration_seconds: {
    type: 'histogram',
    of: 'both',
    labels: ['provider', 'kind', 'phase'],
    help: 'How long ended jobs took: queue, submit, upstream, copy, total',
    buckets: JOB_SECONDS,
  },
  jobs_in_state: { type: 'gauge', of: 'worker', labels: ['state'], help: 'Open jobs by status, sampled' },
  job_oldest_age_seconds: {
    type: 'gauge',
    of: 'worker',
    labels: ['state'],
    help: 'For how long the oldest open job has been in its status, sampled',
  },
  line_jobs_waiting: { type: 'gauge', of: 'worker', labels: ['queue'], help: 'Jobs that wait for their turn, sampled' },
  line_teams_waiting: { type: 'gauge', of: 'worker', labels: ['queue'], help: 'Teams with a job in line, sampled' },
  submit_ambiguous_total: {
    type: 'counter',
    of: 'worker',
    labels: ['provider', 'resolution'],
    help: 'Creates whose answer was lost, and what became of them',
    known: {
      provider: PROVIDERS,
      resolution: ['adopted', 'repeated', 'resubmitted', 'failed', 'not_found', 'orphaned'],
    },
  },
  upstream_requests_total: {
    type: 'counter',
    of: 'worker',
    labels: ['provider', 'op', 'code'],
    help: 'Requests to vendors; code is unsent or unanswered where there was no answer',
  },
  upstream_request_duration_seconds: {
    type: 'histogram',
    of: 'worker',
    labels: ['provider', 'op'],
    help: 'Requests to vendors, from the wait for a socket to the last byte',
    buckets: CALL_SECONDS,
  },
  provider_key_state: {
    type: 'gauge',
    of: 'worker',
    labels: ['provider', 'key_name'],
    help: '0 may be used, 1 rests, 2 is disabled or retired; sampled',
  },
  provider_key_rests_total: {
    type: 'counter',
    of: 'worker',
    labels: ['provider', 'reason'],
    help: 'Rests of provider keys that have begun',
  },
  polls_total: { type: 'counter', of: 'worker', labels: ['provider', 'outcome'], help: 'Looks at tasks' },
  poll_lag_seconds: {
    type: 'histogram',
    of: 'worker',
    labels: ['provider'],
    help: 'How late the longest overdue task of each lease was',
    buckets: LAG_SECONDS,
  },
  stage_runs_total: {
    type: 'counter',
    of: 'worker',
    labels: ['queue', 'outcome'],
    help: 'Messages handled: done, snooze, error',
  },
  messages_stalled_total: {
    type: 'counter',
    of: 'worker',
    labels: ['queue'],
    help: 'Messages of a vanished worker that came back',
  },
  copy_bytes_total: { type: 'counter', of: 'worker', labels: [], help: 'Bytes of outputs copied into the bucket' },
  copy_duration_seconds: {
    type: 'histogram',
    of: 'worker',
    labels: ['outcome'],
    help: 'Copies of one output: copied, failed',
    buckets: CALL_SECONDS,
  },
  copy_failures_total: { type: 'counter', of: 'worker', labels: ['reason'], help: 'Copies that failed, by error code' },
  webhook_attempts_total: {
    type: 'counter',
    of: 'worker',
    labels: ['outcome', 'code_class'],
    help: 'Webhooks sent; code_class is none where there was no answer',
  },
  webhook_delivery_latency_seconds: {
    type: 'histogram',
    of: 'worker',
    labels: [],
    help: 'From the event to the answer that took it',
    buckets: JOB_SECONDS,
  },
  webhook_oldest_due_seconds: {
    type: 'gauge',
    of: 'worker',
    labels: [],
    help: 'How long something has been due at the destination that waits longest, sampled',
  },
  webhook_pending: { type: 'gauge', of: 'worker', labels: [], help: 'Deliveries in the outbox, sampled' },
  webhook_destinations: {
    type: 'gauge',
    of: 'worker',
    labels: ['state'],
    help: 'Destinations with a delivery in the outbox: proven or suspect, sampled',
  },
  webhook_endpoints_disabled_total: {
    type: 'counter',
    of: 'worker',
    labels: ['reason'],
    help: 'Endpoints that were disabled for what they answered',
    known: { reason: ['gone', 'failing'] },
  },
  reconcile_repairs_total: {
    type: 'counter',
    of: 'worker',
    labels: ['kind'],
    help: 'What reconcile put right: open jobs without a record, slots that nobody held',
    known: { kind: ['job_lost', 'slot_freed'] },
  },
  reconcile_looks_total: {
    type: 'counter',
    of: 'worker',
    labels: [],
    help: 'Jobs that were long in their status and were looked at; most are well',
  },
  ssrf_blocked_total: {
    type: 'counter',
    of: 'both',
    labels: ['stage', 'reason'],
    help: 'Addresses that may not be called',
  },
  redis_up: { type: 'gauge', of: 'both', labels: [], help: '1 when Redis answered a PING of this scrape' },
  redis_ping_seconds: { type: 'gauge', of: 'both', labels: [], help: 'How long that PING took' },
  redis_reconnects_total: { type: 'counter', of: 'both', labels: [], help: 'Attempts to connect to Redis again' },
} as const satisfies Readonly<Record<string, Metric>>

export type MetricName = keyof typeof METRICS
export type NameOf<Type extends Metric['type']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never
}[MetricName]
export type Labels<Name extends MetricName> = Readonly<Record<(typeof METRICS)[Name]['labels'][number], string>>
