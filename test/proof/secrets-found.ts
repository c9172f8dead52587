import { readFile } from 'node:fs/promises'
import type { Simulator } from '@genqueue/simulator'
import { everythingIn } from '../everything-in.ts'
import { ADMIN_KEY, WEBHOOK_SECRET } from '../house-env.ts'

/** Every secret that was given to the house, looked for wherever it has written anything; told without the secret. */
export async function secretsFound(
  { runway, runware, store, receiver, journal }: Simulator,
  { redisUrl, logFile }: { redisUrl: string; logFile: string },
  answers: readonly object[],
): Promise<string[]> {
  const secrets: Readonly<Record<string, readonly string[]>> = {
    'Runway key': runway.keys,
    'Runware key': runware.keys,
    'admin key': [ADMIN_KEY],
    'webhook secret': [WEBHOOK_SECRET.slice('whsec_'.length)],
    'storage secret': [store.secretAccessKey],
  }
  const places: Readonly<Record<string, readonly string[]>> = {
    'the log': (await readFile(logFile, 'utf8')).split('\n'),
    Redis: await everythingIn(redisUrl),
    'an answer': answers.map((each) => JSON.stringify(each)),
    'a webhook': receiver.deliveries().map(({ rawHeaders, body }) => `${rawHeaders.join(' ')} ${body}`),
    'a request to a vendor': journal().map((each) => JSON.stringify(each)),
    'a request to the bucket': store.journal.map((each) => JSON.stringify(each)),
  }
  const found = Object.entries(secrets).flatMap(([name, values]) =>
    Object.entries(places).flatMap(([place, texts]) =>
      texts.some((text) => values.some((value) => text.includes(value))) ? [`the ${name} in ${place}`] : [],
    ),
  )
  const empty = Object.entries(places).filter(([, texts]) => texts.length < 2)
  return [...found, ...empty.map(([place]) => `nothing was found in ${place}, so nothing was looked for`)]
}
