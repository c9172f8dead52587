import { DelayedError, type Job, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { callWebhook, copyFile, createTask, JobData, lookAtTask, REDIS_URL, untilNextLookMs } from './http-job.ts'

/** The whole job as BullMQ step job: after every step it is delayed until the next. */
const redis = new Redis(REDIS_URL, { maxRetriesPerRequest: null })
const process = async (job: Job, token?: string) => {
  const data = JobData.parse(job.data)
  const later = async (changed: JobData): Promise<never> => {
    await job.updateData(changed)
    await job.moveToDelayed(Date.now() + untilNextLookMs(), token)
    throw new DelayedError()
  }
  if (data.taskId === undefined) return later({ ...data, taskId: await createTask(data.prompt) })
  const url = await lookAtTask(data.taskId)
  if (url === undefined) return later({ ...data, polls: data.polls + 1 })
  const sha256 = await copyFile(url)
  await callWebhook(job.id ?? '', sha256)
  return { sha256 }
}
const options = { connection: redis, concurrency: 256, skipVersionCheck: true }
new Worker('job', process, options).on('error', (error) => console.error(error))
