import { setTimeout as delay } from 'node:timers/promises'
import { type Job, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { callWebhook, copyFile, createTask, JobData, lookAtTask, REDIS_URL, untilNextLookMs } from './http-job.ts'

/** The whole job in one processor that sleeps between looks. The task id is kept, so that a crash need not pay again. */
const redis = new Redis(REDIS_URL, { maxRetriesPerRequest: null })
const process = async (job: Job) => {
  const data = JobData.parse(job.data)
  const taskId = data.taskId ?? (await createTask(data.prompt))
  await job.updateData({ ...data, taskId })
  for (;;) {
    await delay(untilNextLookMs())
    const url = await lookAtTask(taskId)
    if (url === undefined) continue
    const sha256 = await copyFile(url)
    await callWebhook(job.id ?? '', sha256)
    return { sha256 }
  }
}
const options = { connection: redis, concurrency: 100_000, skipVersionCheck: true }
new Worker('job', process, options).on('error', (error) => console.error(error))
