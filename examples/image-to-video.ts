import { createReadStream } from 'node:fs'
import OpenAI from 'openai'

const [image] = process.argv.slice(2)
if (image === undefined) throw new Error('Give the path of a PNG, JPEG or WebP')

const openai = new OpenAI({
  baseURL: `${process.env.GENQUEUE_URL ?? 'http://localhost:8080'}/v1`,
  apiKey: process.env.GENQUEUE_API_KEY,
})

// What OpenAI's types do not know is spread in: the SDK sends it as it is.
const ours = {
  metadata: { campaign: 'spring' },
  ...(process.env.WEBHOOK_URL && { webhook_url: process.env.WEBHOOK_URL }),
}
const video = await openai.videos.create(
  {
    model: 'runway/gen4_turbo',
    prompt: 'The camera moves slowly towards the subject',
    seconds: '4',
    size: '1280x720',
    input_reference: createReadStream(image),
    ...ours,
  },
  // The same key makes the same video, however often this program is started.
  { headers: { 'Idempotency-Key': process.env.ORDER_ID ?? 'order-1' } },
)
console.log(`${video.id} is ${video.status}; the webhook tells when it has ended`)
