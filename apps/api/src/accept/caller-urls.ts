import { ProblemError } from '@genqueue/contract'
import { checkUrl, EgressError, type EgressPolicy } from '@genqueue/egress'
import { paramOf } from '../invalid-request.ts'

/** Words for people and machines alike, never media: a prompt may begin with an address. */
const PROSE = new Set([
  'prompt',
  'promptText',
  'positivePrompt',
  'negative_prompt',
  'negativePrompt',
  'text',
  'metadata',
  'webhook_url',
])

/** Whether what stands under this name is for reading and never media. */
export function isProse(name: string): boolean {
  return PROSE.has(name)
}

/** The webhook's address as it will be called. Names are resolved, and judged again, when it is. */
export function checkWebhookUrl(url: string | undefined, policy: EgressPolicy, param = 'webhook_url'): void {
  if (url !== undefined) checkCallerUrl(url, policy, param)
}

/**
 * Every http(s) URL in a request must be one that the outside may fetch. Everything else (data URIs, `runway://`, plain
 * words) is the vendor's to judge.
 */
export function checkMediaUrls(request: unknown, policy: EgressPolicy): void {
  visit(request, [], policy)
}

function visit(value: unknown, path: string[], policy: EgressPolicy): void {
  if (typeof value === 'string') {
    if (isHttpUrl(value)) checkCallerUrl(value, policy, paramOf(path))
    return
  }
  if (typeof value !== 'object' || value === null) return
  for (const [key, item] of Object.entries(value)) {
    if (PROSE.has(key)) continue
    path.push(key)
    visit(item, path, policy)
    path.pop()
  }
}

// The URL parser skips control characters and blanks in front, so this looks behind them.
function isHttpUrl(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what the URL parser skips
  return /^[\u0000-\u0020]*h[\t\r\n]*t[\t\r\n]*t[\t\r\n]*p[\t\r\n]*s?[\t\r\n]*:/i.test(text)
}

function checkCallerUrl(url: string, policy: EgressPolicy, param: string | undefined): void {
  try {
    checkUrl(url, policy)
  } catch (cause) {
    if (!(cause instanceof EgressError)) throw cause
    if (cause.code !== 'blocked') throw new ProblemError('invalid_url', cause.message, { param, cause })
    const message = `${param} must be an https URL of a public host on port 443, 80, 8443 or 8080`
    throw new ProblemError('blocked_url', message, { param, cause })
  }
}
