import { createHash } from 'node:crypto'

const baseUrl = process.env.GENQUEUE_URL ?? 'http://localhost:8080'
const apiKey = process.env.GENQUEUE_API_KEY
const headers = {
  ...(apiKey && { authorization: `Bearer ${apiKey}` }),
  'content-type': 'application/json',
  // Answer when the job has ended, after 60 s at the latest.
  prefer: 'wait=60',
}

/** The part of a job that this program reads; docs/api.md has the whole. */
type Job = {
  id: string
  completed_at: number | null
  outputs: { url: string; bytes: number; sha256: string; content_type: string }[]
  error: { code: string; message: string; retryable: boolean } | null
}

async function call(path: string, init: RequestInit = {}): Promise<Job> {
  const response = await fetch(baseUrl + path, { ...init, headers })
  const body: unknown = await response.json()
  if (!response.ok) throw new Error(`${response.status}: ${JSON.stringify(body)}`)
  return body as Job // the answer of an API that is documented and tested
}

let job = await call('/v1/jobs', {
  method: 'POST',
  body: JSON.stringify({
    provider: 'runway',
    operation: 'text_to_image',
    // Runway's own request body.
    input: { model: 'gen4_image', promptText: 'A lighthouse in the fog', ratio: '1024:1024' },
  }),
})
while (job.completed_at === null) job = await call(`/v1/jobs/${job.id}`)
if (job.error) throw new Error(`${job.id} failed: ${job.error.code}: ${job.error.message}`)

for (const output of job.outputs) {
  const file = await fetch(output.url, { headers })
  const sha256 = createHash('sha256')
    .update(await file.bytes())
    .digest('hex')
  if (sha256 !== output.sha256) throw new Error(`${output.url} is not what was stored`)
  console.log(`${job.id}: ${output.bytes} bytes of ${output.content_type}, as stored`)
}
