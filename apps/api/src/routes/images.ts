import { CreateImageRequest, ImagesResponse, isTerminal, JobResource, ProblemError } from '@genqueue/contract'
import { type JobRecord, jobResource } from '@genqueue/jobs'
import { acceptJob, REPLAYED } from '../accept/accept-job.ts'
import type { AppDeps } from '../app-deps.ts'
import { prefersAsync } from '../events/wait-for-end.ts'
import { imagesByUrl, imagesInline } from '../images/image-answer.ts'
import { imageFailure, imageTimeout, jobHeaders } from '../images/image-failure.ts'
import { json, type Reply } from '../reply.ts'
import type { ApiContext, Caller, Route } from '../route.ts'
import { draftImage, type ImageDraft } from './create-image.ts'

const HEADERS = {
  'Idempotency-Key': 'Makes the same job however often the request is sent; a repeat waits for it too',
  Prefer: 'respond-async: answer 202 with the job at once',
}
const ANSWERS: Route['answers'] = {
  200: { description: 'The images', schema: ImagesResponse },
  202: { description: 'The accepted job, for whoever prefers not to wait', schema: JobResource },
  429: { description: 'A limit of the team or key is reached, or the account at the provider is used up' },
  502: { description: 'The job failed; the error names it and says whether a new one can help' },
  504: { description: 'The images were not there in time; the job goes on, and the error names it' },
}

/** OpenAI's image API: one call that waits for its job. */
export function imageRoutes(deps: AppDeps): Route[] {
  const base = {
    tag: 'Images',
    errors: 'openai',
    method: 'POST',
    scope: 'jobs:create',
    headers: HEADERS,
    answers: ANSWERS,
  } as const
  return [
    {
      ...base,
      path: '/v1/images/generations',
      summary: 'Make images',
      body: { schema: CreateImageRequest, multipart: true },
      handle: (c, caller) => makeImages(c, caller, deps, false),
    },
    {
      ...base,
      path: '/v1/images/edits',
      summary: 'Make images of images',
      body: { schema: CreateImageRequest, multipart: true },
      handle: (c, caller) => makeImages(c, caller, deps, true),
    },
  ]
}

async function makeImages(c: ApiContext, caller: Caller, deps: AppDeps, isEdit: boolean): Promise<Reply> {
  const { headers } = c.req.raw
  const isAsync = prefersAsync(headers.get('prefer'))
  if (!isAsync && deps.waits.isFull) {
    throw new ProblemError('unavailable', 'Too many requests wait here; try again, or send Prefer: respond-async')
  }
  const draft = draftImage(deps, headers.get('idempotency-key'), {
    route: isEdit ? 'POST /v1/images/edits' : 'POST /v1/images/generations',
    isEdit,
    waits: !isAsync,
  })
  const { job, isReplay } = await acceptJob(c, caller, deps, draft)
  const reply = isAsync ? accepted(job, deps) : await ended(c, job, deps, draft)
  return isReplay ? { ...reply, headers: { ...reply.headers, ...REPLAYED } } : reply
}

function accepted(job: JobRecord, { publicUrl }: AppDeps): Reply {
  return json(202, jobResource(job, publicUrl), { ...jobHeaders(job), 'preference-applied': 'respond-async' })
}

async function ended(c: ApiContext, accepted: JobRecord, deps: AppDeps, draft: ImageDraft): Promise<Reply> {
  const { waits, config, closing } = deps
  const { signal } = c.req.raw
  // When the caller leaves, only the wait ends: the job is paid for.
  const seen = await waits.wait(accepted.id, { timeoutMs: config.imageWaitMs, signals: [signal, closing] })
  const job = seen ?? accepted
  if (!isTerminal(job.status)) {
    const why = closing.aborted
      ? 'This server is about to restart.'
      : `The images were not there within ${config.imageWaitMs / 1000} seconds.`
    return imageTimeout(job, why)
  }
  if (job.status !== 'succeeded') return imageFailure(job)
  return draft.responseFormat() === 'url' ? imagesByUrl(job, deps) : imagesInline(job, deps, signal)
}
