import type { JobId } from '@genqueue/contract'
import type { JobRecord } from '@genqueue/jobs'

export const ID: JobId = 'job_01ARZ3NDEKTSV4RRFFQ69G5FAV'

/** A job that waits to be submitted; for tests without Redis. */
export const QUEUED: JobRecord = {
  id: ID,
  team: 'a',
  provider: 'runware',
  operation: 'imageInference',
  lane: '*',
  kind: 'image',
  door: 'images',
  clientRef: 'ref',
  fence: 0,
  submits: 0,
  unknownSubmits: 0,
  times: { queued: 0 },
  request: {
    body: {},
    display: {},
    metadata: {},
    onSubmissionUnknown: 'fail',
    deadlines: { queueMs: 1, throttledMs: 1, runningMs: 1 },
    retentionMs: 1,
    inputs: [],
  },
  status: 'queued',
}
