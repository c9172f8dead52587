export type ErrorClass =
  | 'auth'
  | 'quota'
  | 'rate_limit'
  | 'safety'
  | 'provider'
  | 'timeout'
  | 'server'
  | 'validation'
  | 'conflict'
  | 'task_unknown'
  | 'task_canceled'
  | 'unknown'

const CODES: Readonly<Partial<Record<ErrorClass, string>>> = {
  conflict: 'conflictTaskUUID',
  auth: 'invalidApiKey missingApiKey tokenExpired accountSuspended unauthorized',
  quota: 'insufficientCredits providerInsufficientCredits quotaExceeded paymentRequired',
  rate_limit: 'rateLimitExceeded inferenceRateLimitExceeded providerRateLimitExceeded tooManyRequests',
  // The last is a partner's verdict on the content, always the same for the same content.
  safety:
    'contentPolicyViolation providerContentPolicyViolation nsfwContentDetected promptBlocked imageBlocked moderationFailed invalidProviderContent',
  provider:
    'providerError providerUnavailable providerBadGateway inferenceError processingFailed taskFailed noAvailableServer modelUnavailable modelNotReady',
  timeout: 'timeout timeoutProvider providerTimeout providerGatewayTimeout',
  server: 'internalServerError serviceUnavailable',
  task_unknown: 'taskNotFound taskExpired taskFailedOrNotFound',
  task_canceled: 'taskCancelled taskCanceled',
  validation: 'modelNotFound mediaExpired unknownParameter',
}

const CLASS_OF: ReadonlyMap<string, ErrorClass> = new Map(
  // The keys of the table above; `Object.entries` forgets their type.
  (Object.entries(CODES) as [ErrorClass, string][]).flatMap(([name, codes]) =>
    codes.split(' ').map((code) => [code.toLowerCase(), name]),
  ),
)

/** For codes that are not listed: the vendor is still making up its list. First match wins. */
const PATTERNS: readonly { pattern: RegExp; name: ErrorClass }[] = [
  { pattern: /apikey|^account/, name: 'auth' },
  { pattern: /ratelimit/, name: 'rate_limit' },
  { pattern: /insufficient.*(credit|fund|balance)/, name: 'quota' },
  { pattern: /contentpolicy|nsfw|moderation/, name: 'safety' },
  { pattern: /timeout/, name: 'timeout' },
  {
    pattern: /^(invalid|missing|conflict|duplicate|incompatible|mismatch|unsupported|value|array)/,
    name: 'validation',
  },
]

/** What kind of trouble a code names: the exact code first, then how it reads. */
export function errorClassOf(code: string | undefined): ErrorClass {
  const text = code?.toLowerCase() ?? ''
  return CLASS_OF.get(text) ?? PATTERNS.find(({ pattern }) => pattern.test(text))?.name ?? 'unknown'
}
