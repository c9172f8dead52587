import { setTimeout as delay } from 'node:timers/promises'
import { type Dispatcher, request } from 'undici'
import { API_HEADERS, type Api } from './api.ts'

export const IMAGE_MODEL = 'runware:101@1'

type Answer = Awaited<ReturnType<typeof request>>

/** Asks the image door for an image as a client should: 503 is asked again under the same key, and its time counts. */
export async function generateImage(api: Api, dispatcher: Dispatcher, body: object, key: string): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const answer = await request(`${api.url}/v1/images/generations`, {
      dispatcher,
      method: 'POST',
      headers: { ...API_HEADERS, 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ model: `runware/${IMAGE_MODEL}`, ...body }),
      headersTimeout: 120_000,
      bodyTimeout: 120_000,
    })
    if (answer.statusCode === 200) return answer
    const said = (await answer.body.text()).slice(0, 300)
    if (answer.statusCode !== 503 || tries === 20)
      throw new Error(`an image was answered ${answer.statusCode}: ${said}`)
    await delay(50)
  }
}
