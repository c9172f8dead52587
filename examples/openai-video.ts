import { writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'

// The stock SDK: only the base URL and the key are genqueue's.
const openai = new OpenAI({
  baseURL: `${process.env.GENQUEUE_URL ?? 'http://localhost:8080'}/v1`,
  apiKey: process.env.GENQUEUE_API_KEY,
})

let video = await openai.videos.create({
  model: 'runway/gen4.5',
  prompt: 'A cinematic drone shot over mountains at golden hour',
  seconds: '4',
  size: '1280x720',
})
while (video.status === 'queued' || video.status === 'in_progress') {
  await sleep(2_000)
  video = await openai.videos.retrieve(video.id)
}
if (video.status === 'failed') throw new Error(`${video.id} failed: ${video.error?.code}`)

const content = await openai.videos.downloadContent(video.id)
if (content.body) await writeFile('video.mp4', content.body)
console.log(`${video.id} lies in video.mp4`)
