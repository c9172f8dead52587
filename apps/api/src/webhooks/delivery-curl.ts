import { ProblemError } from '@genqueue/contract'
import type { Delivery } from '@genqueue/jobs'

/** The last attempt as a command: address, headers and body as they were sent. Holds a signature, never a secret. */
export function deliveryCurl({ id, url: ownUrl, body, attempts, log }: Delivery): string {
  const attempt = log.findLast(({ signature }) => signature !== undefined)
  const url = attempt?.url ?? ownUrl
  if (attempt?.signature === undefined || url === undefined) {
    throw new ProblemError('not_ready', 'The delivery has not been attempted yet, so nothing was sent', { param: 'id' })
  }
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'genqueue-webhooks/1',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(attempt.atMs / 1000)),
    'webhook-signature': attempt.signature,
    'webhook-attempt': String(attempts),
  }
  const lines = Object.entries(headers).map(([name, value]) => `  -H ${quoted(`${name}: ${value}`)}`)
  return [`curl -X POST ${quoted(url)}`, ...lines, `  --data-binary ${quoted(body)}`].join(' \\\n').concat('\n')
}

/** One word for a shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
