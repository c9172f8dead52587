import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'

export interface S3Options {
  /** An S3-compatible service other than AWS. */
  s3Endpoint?: string
  /** The same service under the name that callers reach, for presigned URLs. */
  s3PublicEndpoint?: string
  region?: string
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }
  /** `host/bucket/key` instead of `bucket.host/key`; the default where an endpoint is given. */
  forcePathStyle?: boolean
  /** A socket on which nothing moves for so long is given up. */
  idleTimeoutMs?: number
}

const CONNECT_TIMEOUT_MS = 5_000
const IDLE_TIMEOUT_MS = 60_000
/** The SDK's own 50 would make the copies of a worker wait for each other. */
const SOCKETS = { keepAlive: true, maxSockets: 256 }

/** What is not given here is left to the SDK: its variables, profiles, roles and retries. */
export function createS3Client(options: S3Options, endpoint: string | undefined): S3Client {
  const config: S3ClientConfig = {
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
      httpAgent: SOCKETS,
      httpsAgent: SOCKETS,
    },
  }
  const forcePathStyle = options.forcePathStyle ?? (endpoint === undefined ? undefined : true)
  if (endpoint !== undefined) config.endpoint = endpoint
  if (forcePathStyle !== undefined) config.forcePathStyle = forcePathStyle
  if (options.region !== undefined) config.region = options.region
  if (options.credentials !== undefined) config.credentials = options.credentials
  return new S3Client(config)
}
