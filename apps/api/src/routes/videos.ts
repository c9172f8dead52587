import { CreateVideoRequest, DeletedVideo, ProblemError, Video, VideoList } from '@genqueue/contract'
import { type JobRecord, outputsOf } from '@genqueue/jobs'
import { z } from 'zod'
import { acceptJob, REPLAYED } from '../accept/accept-job.ts'
import type { AppDeps } from '../app-deps.ts'
import { CONTENT_ANSWERS, serveOutput } from '../files/serve-output.ts'
import { findJob } from '../find-job.ts'
import { parseRequest } from '../invalid-request.ts'
import { ListQuery, listPage } from '../list-query.ts'
import { removeJob } from '../remove-job.ts'
import { json } from '../reply.ts'
import type { Route } from '../route.ts'
import { draftVideo } from './create-video.ts'
import { videoStatus, videoView } from './video-view.ts'

const VideoListQuery = ListQuery.extend({ status: Video.shape.status.optional() })
const ContentQuery = z.object({ variant: z.enum(['video', 'thumbnail', 'spritesheet']).default('video') })
const JOB_HEADERS = { 'Idempotency-Key': 'Makes the same job however often the request is sent' }

/** OpenAI's video API, so that the stock `openai` SDK works with another base URL. */
export function videoRoutes(deps: AppDeps): Route[] {
  const { publicUrl, config } = deps
  const show = (job: JobRecord) => videoView(job, publicUrl)
  const pollAfter = { 'openai-poll-after-ms': String(config.pollAfterMs) }
  const base = { tag: 'Videos', errors: 'openai' } as const
  return [
    {
      ...base,
      method: 'POST',
      path: '/v1/videos',
      scope: 'jobs:create',
      summary: 'Make a video',
      headers: JOB_HEADERS,
      body: { schema: CreateVideoRequest, multipart: true },
      answers: { 200: { description: 'The accepted job', schema: Video } },
      async handle(c, caller) {
        const draft = draftVideo(deps, c.req.raw.headers.get('idempotency-key'))
        const { job, isReplay } = await acceptJob(c, caller, deps, draft)
        return json(200, show(job), isReplay ? { ...pollAfter, ...REPLAYED } : pollAfter)
      },
    },
    {
      ...base,
      method: 'GET',
      path: '/v1/videos',
      scope: 'jobs:read',
      summary: 'List videos',
      query: VideoListQuery,
      answers: { 200: { description: 'A page of the jobs that came in here', schema: VideoList } },
      async handle(c, { team }) {
        const matches = (job: JobRecord, { status }: z.infer<typeof VideoListQuery>) =>
          job.door === 'videos' && (status === undefined || status === videoStatus(job))
        return json(200, await listPage(c, team, deps, VideoListQuery, { matches, view: show }))
      },
    },
    {
      ...base,
      method: 'GET',
      path: '/v1/videos/:id',
      scope: 'jobs:read',
      summary: 'Look at a video',
      answers: { 200: { description: 'The job', schema: Video } },
      async handle(c, caller) {
        return json(200, show(await findJob(c, caller, deps, isVideo)), pollAfter)
      },
    },
    {
      ...base,
      method: 'DELETE',
      path: '/v1/videos/:id',
      scope: 'jobs:cancel',
      summary: 'Cancel a running video; remove an ended one with its files',
      answers: { 200: { description: 'Canceled or removed', schema: DeletedVideo } },
      async handle(c, caller) {
        const job = await findJob(c, caller, deps, isVideo)
        await removeJob(job, deps)
        return json(200, { id: job.id, object: 'video.deleted', deleted: true } satisfies DeletedVideo)
      },
    },
    {
      ...base,
      method: 'GET',
      path: '/v1/videos/:id/content',
      scope: 'jobs:read',
      summary: 'Download a video',
      query: ContentQuery,
      answers: CONTENT_ANSWERS,
      async handle(c, caller) {
        const { variant } = parseRequest(ContentQuery, c.req.query())
        if (variant === 'spritesheet') {
          const message = 'There are no spritesheets; ask for variant=video'
          throw new ProblemError('not_supported', message, { param: 'variant' })
        }
        const job = await findJob(c, caller, deps, isVideo)
        return serveOutput(c, deps, job, () => outputFor(job, variant))
      },
    },
  ]
}

function isVideo({ door, kind }: JobRecord): boolean {
  return door === 'videos' || kind === 'video'
}

function outputFor(job: JobRecord, variant: 'video' | 'thumbnail') {
  const outputs = outputsOf(job)
  if (variant === 'video') return outputs.find(({ contentType }) => contentType.startsWith('video/')) ?? outputs[0]
  const image = outputs.find(({ contentType }) => contentType.startsWith('image/'))
  if (image) return image
  throw new ProblemError('not_found', 'This job made no thumbnail; ask for variant=video', { param: 'variant' })
}
