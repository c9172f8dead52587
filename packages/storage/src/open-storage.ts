import { fileURLToPath } from 'node:url'
import { FileStorage } from './file-storage.ts'
import { checkKey } from './object-key.ts'
import { createS3Client, type S3Options } from './s3-client.ts'
import { S3Storage } from './s3-storage.ts'
import type { Storage } from './storage.ts'
import { StorageError } from './storage-error.ts'

/**
 * The storage that a URL names: `s3://bucket/prefix`, or `file:///path` for one machine. Opens no connection and makes
 * no folder yet. Without `credentials` the AWS SDK's own variables and default chain apply.
 */
export function openStorage(url: string, options: S3Options = {}): Storage {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined) throw invalid('is not a URL; give s3://bucket/prefix or file:///path')
  if (parsed.username !== '' || parsed.password !== '') throw invalid('must not hold credentials')
  if (parsed.search !== '' || parsed.hash !== '') throw invalid('takes neither a query nor a fragment')
  if (parsed.protocol === 'file:') return new FileStorage(rootOf(parsed))
  if (parsed.protocol === 's3:') return openBucket(parsed, options)
  throw invalid(`has the scheme ${parsed.protocol}//; give s3:// or file://`)
}

function openBucket({ host, pathname }: URL, options: S3Options): Storage {
  if (!/^[a-z\d][a-z\d.-]{1,61}[a-z\d]$/.test(host)) {
    throw invalid('must name a bucket: 3 to 63 small letters, digits, dots and hyphens after s3://')
  }
  const prefix = decode(pathname).replace(/^\/+|\/+$/g, '')
  if (prefix !== '') checkPrefixOf(prefix)
  for (const endpoint of [options.s3Endpoint, options.s3PublicEndpoint]) {
    if (endpoint !== undefined && !/^https?:$/.test(URL.canParse(endpoint) ? new URL(endpoint).protocol : '')) {
      throw invalid('has an S3 endpoint that is not an http or https URL')
    }
  }
  const client = createS3Client(options, options.s3Endpoint)
  const { s3PublicEndpoint } = options
  const presigner = s3PublicEndpoint === undefined ? client : createS3Client(options, s3PublicEndpoint)
  return new S3Storage({ client, presigner, bucket: host, prefix: prefix === '' ? '' : `${prefix}/` })
}

function rootOf(url: URL): string {
  if (url.host !== '') throw invalid('names a host; give file:/// with three slashes')
  try {
    const root = fileURLToPath(url)
    if (root === '/') throw invalid('names the root of the file system; give a folder')
    return root
  } catch (cause) {
    if (cause instanceof StorageError) throw cause
    throw invalid('is not the path of a folder', cause)
  }
}

function checkPrefixOf(prefix: string): void {
  try {
    checkKey(prefix)
  } catch (cause) {
    throw invalid('has a prefix that cannot begin a key', cause)
  }
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch (cause) {
    throw invalid('has a prefix that is not percent-encoded', cause)
  }
}

// The URL itself stays out of the message: somebody may have written a secret into it.
function invalid(what: string, cause?: unknown): StorageError {
  return new StorageError('invalid_url', `The storage URL ${what}`, { cause })
}
