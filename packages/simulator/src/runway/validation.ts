import { isIP } from 'node:net'
import { z } from 'zod'
import { modelIn } from './catalogue.ts'
import type { Model } from './model.ts'

export type Validated = { readonly kind: 'valid' } | { readonly kind: 'invalid'; readonly issues: readonly object[] }

export interface ValidationOptions {
  /** A model that is not in the table passes, whatever its body holds. */
  readonly lenientModels: boolean
  /** Whether a runway:// URI names an upload that still exists. */
  readonly isUpload: (uri: string) => boolean
  /** Whether an http:// URL is one of the simulator's own, the only ones allowed. */
  readonly isOwnUrl: (url: URL) => boolean
}

const Named = z.object({ model: z.string() })
const MAX_URL_CHARS = 2048
const MAX_DATA_URI_CHARS = 5 * 1024 * 1024

/** Checks a body the way the real API does: the model first, then its fields, then the media they point at. */
export function validateBody(
  endpoint: string,
  models: Readonly<Record<string, Model>>,
  body: unknown,
  options: ValidationOptions,
): Validated {
  const name = modelIn(endpoint, body)
  if (name === undefined) return { kind: 'invalid', issues: [...missingModel(body), noMatchingModel()] }
  const known = Object.hasOwn(models, name) ? models[name] : undefined
  if (!known && !options.lenientModels) return { kind: 'invalid', issues: [noMatchingModel()] }
  const parsed = known?.body.safeParse(body)
  const issues = parsed?.success === false ? parsed.error.issues : mediaIssues(body, [], options)
  return issues.length > 0 ? { kind: 'invalid', issues } : { kind: 'valid' }
}

function missingModel(body: unknown): readonly object[] {
  return Named.safeParse(body).error?.issues ?? []
}

function noMatchingModel(): object {
  return {
    code: 'invalid_union',
    errors: [],
    note: 'No matching discriminator',
    discriminator: 'model',
    path: ['model'],
    message: 'Invalid input',
  }
}

const MEDIA_FIELDS = new Set([
  'uri',
  'promptImage',
  'promptVideo',
  'videoUri',
  'imageUri',
  'audioUri',
  'audio',
  'input',
  'referenceAudios',
])

function mediaIssues(value: unknown, path: (string | number)[], options: ValidationOptions): object[] {
  if (typeof value === 'string') {
    const message = mediaProblem(value, options)
    return message === undefined ? [] : [{ code: 'custom', path, message }]
  }
  if (Array.isArray(value)) return value.flatMap((item, index) => mediaIssues(item, [...path, index], options))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([field, inner]) =>
    typeof inner === 'string' && !MEDIA_FIELDS.has(field)
      ? []
      : mediaIssues(isListOfPlainWords(field, inner) ? [] : inner, [...path, field], options),
  )
}

/** Lists of strings are media only where the table says so. */
function isListOfPlainWords(field: string, value: unknown): boolean {
  return Array.isArray(value) && typeof value[0] === 'string' && !MEDIA_FIELDS.has(field)
}

function mediaProblem(value: string, { isUpload, isOwnUrl }: ValidationOptions): string | undefined {
  if (value.startsWith('runway://')) {
    return isUpload(value) ? undefined : 'Failed to fetch asset. The upload does not exist or has expired.'
  }
  if (value.startsWith('data:')) {
    if (value.length > MAX_DATA_URI_CHARS) return 'Asset size must be at most 5 MB'
    return /^data:(image|video|audio)\/[\w.+-]+;base64,[A-Za-z0-9+/=]+$/.test(value) ? undefined : 'Invalid data URI.'
  }
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (!url) return 'Invalid URL.'
  if (isOwnUrl(url)) return undefined
  if (url.protocol !== 'https:') return 'Only HTTPS URLs are supported.'
  if (isIP(url.hostname.replace(/^\[|\]$/g, ''))) return 'The host of the URL must not be an IP address.'
  return value.length > MAX_URL_CHARS ? `The URL must be at most ${MAX_URL_CHARS} characters long.` : undefined
}
