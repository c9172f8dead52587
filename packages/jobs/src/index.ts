export { Deliveries } from './deliveries.ts'
export { Delivery, DeliveryAttempt, DeliveryStatus } from './delivery.ts'
export { newJobId } from './job-id.ts'
export { type ListPage, type ListQuery, listJobs } from './job-list.ts'
export { endedAtMs, jobResource, outputResource, outputsOf, progressOf } from './job-resource.ts'
export {
  type AcceptOutcome,
  type AdvanceOutcome,
  type EndedAs,
  Jobs,
  type JobsDeps,
  type NewJob,
  type ReconcileAfter,
} from './jobs.ts'
export { KeyRests } from './key-rests.ts'
export { createKeys, type Keys } from './keys.ts'
export { LIFECYCLE, mayBecome, type Stage } from './lifecycle.ts'
export { type Looks, NO_LOOKS } from './looks.ts'
export { type LeasedTask, type PollNote, PollSchedule } from './poll-schedule.ts'
export { type Message, openQueues, type QueueName, type Queues, type SendOptions } from './queues.ts'
export { type ReconcileReport, reconcile } from './reconcile.ts'
export { JobRecord, JobRequest, type RecordIn, StoredInput, type Waiting } from './record.ts'
export { type Generated, INLINE_SOURCE } from './sources.ts'
export { type BeginOutcome, Submissions } from './submissions.ts'
