import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import type { MeasuredSource } from './measured-source.ts'
import { s3Failure } from './s3-failure.ts'

export interface UploadTarget {
  Bucket: string
  Key: string
  ContentType: string
  Metadata?: Record<string, string>
}

const MIN_PART_BYTES = 5 * 1024 * 1024
const MAX_PARTS = 10_000
/** Parts on the wire at once. With the one being filled, a transfer holds three parts: 15 MiB up to 48 GiB of `maxBytes`. */
const CONCURRENT_PARTS = 2

/** Sends the source to the bucket; rejects only after everything on the wire has ended and no upload is left open. */
export async function uploadToS3(
  client: S3Client,
  target: UploadTarget,
  source: MeasuredSource,
  maxBytes: number,
): Promise<string | undefined> {
  const body = Readable.from(source.chunks(), { highWaterMark: 1 })
  // The failure reaches us through the upload; without a listener it could also end the process.
  body.on('error', () => undefined)
  const upload = new Upload({
    client: stoppable(client, source),
    params: { ...target, Body: body },
    queueSize: CONCURRENT_PARTS,
    partSize: Math.max(MIN_PART_BYTES, Math.ceil(maxBytes / MAX_PARTS)),
  })
  try {
    const { ETag } = await upload.done()
    return ETag
  } catch (error) {
    const failure = source.stop(s3Failure(error))
    const { uploadId: UploadId } = upload
    if (UploadId !== undefined) {
      // Upload aborts too, but gives up where that request fails. The upload may be gone already.
      const abort = new AbortMultipartUploadCommand({ Bucket: target.Bucket, Key: target.Key, UploadId })
      await client.send(abort).catch(() => undefined)
    }
    throw failure
  } finally {
    body.destroy()
  }
}

/**
 * The client as Upload sees it. Upload knows no signal for its requests, and goes on reading the source while one of its
 * parts has failed: here a source that stops takes the requests with it, and a request that fails stops the source.
 */
function stoppable(client: S3Client, source: MeasuredSource): S3Client {
  const send: S3Client['send'] = async (command: Parameters<S3Client['send']>[0]) => {
    // Cut off, these three could leave behind an upload or an object that nobody knows of.
    const mustEnd =
      command instanceof CreateMultipartUploadCommand ||
      command instanceof CompleteMultipartUploadCommand ||
      command instanceof AbortMultipartUploadCommand
    try {
      return await client.send(command, mustEnd ? {} : { abortSignal: source.stopped })
    } catch (error) {
      source.stop(s3Failure(error))
      throw error
    }
  }
  return new Proxy(client, { get: (target, name) => (name === 'send' ? send : Reflect.get(target, name, target)) })
}
