import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { S3Error } from './s3-error.ts'
import { type S3Request, uriEncode } from './s3-request.ts'

export interface Credentials {
  accessKeyId: string
  secretAccessKey: string
}

interface Claim {
  credential: string
  signedHeaders: string[]
  signature: string
  amzDate: string
  payloadHash: string
}

const ALGORITHM = 'AWS4-HMAC-SHA256'
const MAX_SKEW_MS = 15 * 60_000
const MAX_EXPIRES_SECONDS = 7 * 24 * 3600

/** Checks AWS Signature Version 4, by header or presigned query, and returns the payload hash that was signed. */
export function verifySignature(request: S3Request, trusted: Credentials, region: string, nowMs: number): string {
  const presigned = request.query.has('X-Amz-Algorithm')
  const claim = presigned ? claimOfQuery(request, nowMs) : claimOfHeader(request, nowMs)
  const [accessKeyId, day, claimedRegion, service, terminator] = claim.credential.split('/')
  const malformed = presigned ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed'
  if (accessKeyId !== trusted.accessKeyId) {
    throw new S3Error('InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records')
  }
  if (claimedRegion !== region) {
    throw new S3Error(malformed, `The region '${claimedRegion}' is wrong; expecting '${region}'`, { Region: region })
  }
  if (day !== claim.amzDate.slice(0, 8) || service !== 's3' || terminator !== 'aws4_request') {
    throw new S3Error(malformed, `The credential scope must be ${claim.amzDate.slice(0, 8)}/${region}/s3/aws4_request`)
  }
  requireSignedHeaders(request, claim.signedHeaders)

  const scope = `${day}/${region}/s3/aws4_request`
  const canonical = canonicalRequest(request, claim)
  const stringToSign = [ALGORITHM, claim.amzDate, scope, createHash('sha256').update(canonical).digest('hex')].join(
    '\n',
  )
  const keyParts = [claim.amzDate.slice(0, 8), region, 's3', 'aws4_request']
  const key = keyParts.reduce<string | Buffer>((key, part) => hmac(key, part), `AWS4${trusted.secretAccessKey}`)
  const expected = hmac(key, stringToSign)
  const given = Buffer.from(claim.signature, 'hex')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new S3Error(
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the one you provided',
      {
        StringToSign: stringToSign,
        CanonicalRequest: canonical,
      },
    )
  }
  return claim.payloadHash
}

function claimOfHeader(request: S3Request, nowMs: number): Claim {
  const authorization = request.http.headers.authorization
  if (authorization === undefined) throw new S3Error('AccessDenied', 'Anonymous access is denied')
  const [, credential, headers, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([\da-f]{64})$/.exec(
      authorization,
    ) ?? []
  if (credential === undefined || headers === undefined || signature === undefined) {
    throw new S3Error('AuthorizationHeaderMalformed', 'The authorization header is not AWS4-HMAC-SHA256')
  }
  const amzDate = request.header('x-amz-date') ?? ''
  const skewMs = Math.abs(nowMs - timeOf(amzDate, 'AccessDenied'))
  if (skewMs > MAX_SKEW_MS) {
    throw new S3Error(
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large',
      {
        RequestTime: amzDate,
        ServerTime: new Date(nowMs).toISOString(),
        MaxAllowedSkewMilliseconds: String(MAX_SKEW_MS),
      },
    )
  }
  const payloadHash = request.header('x-amz-content-sha256')
  if (payloadHash === undefined) throw new S3Error('InvalidRequest', 'Missing required header x-amz-content-sha256')
  return { credential, signedHeaders: headers.split(';'), signature, amzDate, payloadHash }
}

function claimOfQuery({ query, header }: S3Request, nowMs: number): Claim {
  const need = (name: string) => {
    const value = query.get(name)
    if (value === undefined) throw new S3Error('AuthorizationQueryParametersError', `${name} is missing`)
    return value
  }
  if (need('X-Amz-Algorithm') !== ALGORITHM) {
    throw new S3Error('AuthorizationQueryParametersError', `X-Amz-Algorithm only supports "${ALGORITHM}"`)
  }
  const amzDate = need('X-Amz-Date')
  const expiresSeconds = Number(need('X-Amz-Expires'))
  if (!Number.isInteger(expiresSeconds) || expiresSeconds < 1 || expiresSeconds > MAX_EXPIRES_SECONDS) {
    throw new S3Error('AuthorizationQueryParametersError', `X-Amz-Expires must be 1 to ${MAX_EXPIRES_SECONDS} seconds`)
  }
  const signedMs = timeOf(amzDate, 'AuthorizationQueryParametersError')
  if (signedMs - nowMs > MAX_SKEW_MS) throw new S3Error('AccessDenied', 'Request is not yet valid')
  if (nowMs > signedMs + expiresSeconds * 1000) {
    throw new S3Error('AccessDenied', 'Request has expired', { 'X-Amz-Expires': String(expiresSeconds) })
  }
  return {
    credential: need('X-Amz-Credential'),
    signedHeaders: need('X-Amz-SignedHeaders').split(';'),
    signature: need('X-Amz-Signature'),
    amzDate,
    payloadHash: query.get('X-Amz-Content-Sha256') ?? header('x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD',
  }
}

function timeOf(amzDate: string, code: 'AccessDenied' | 'AuthorizationQueryParametersError'): number {
  const iso = amzDate.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')
  const timeMs = Date.parse(iso)
  if (iso === amzDate || Number.isNaN(timeMs)) throw new S3Error(code, 'AWS authentication requires a valid x-amz-date')
  return timeMs
}

/** S3 refuses an x-amz-* header that nobody signed: anybody on the way could have added it. */
function requireSignedHeaders({ http }: S3Request, signedHeaders: readonly string[]): void {
  const unsigned = Object.keys(http.headers).filter(
    (name) => name.startsWith('x-amz-') && !signedHeaders.includes(name),
  )
  if (!signedHeaders.includes('host')) unsigned.unshift('host')
  if (unsigned.length === 0) return
  throw new S3Error('AccessDenied', 'There were headers present in the request which were not signed', {
    HeadersNotSigned: unsigned.join(', '),
  })
}

function canonicalRequest({ http, method, rawPath, query }: S3Request, { signedHeaders, payloadHash }: Claim): string {
  const path = rawPath.split('/').map((segment) => uriEncode(decodeURIComponent(segment)))
  const parameters = [...query]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [uriEncode(name), uriEncode(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.join('='))
  const headers = signedHeaders.map((name) => {
    const value = http.headers[name]
    const text = Array.isArray(value) ? value.join(',') : (value ?? '')
    return `${name}:${text.trim().replace(/\s+/g, ' ')}\n`
  })
  return [method, path.join('/'), parameters.join('&'), headers.join(''), signedHeaders.join(';'), payloadHash].join(
    '\n',
  )
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
