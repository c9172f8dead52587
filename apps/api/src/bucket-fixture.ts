import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** As much of S3 as the API's own tests need: whole objects by key, unchecked. */
export async function startBucket() {
  const objects = new Map<string, { content: Buffer; contentType: string }>()
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://bucket')
    if (request.method === 'PUT') {
      const content = decodeChunks(await buffer(request), request.headers['x-amz-decoded-content-length'])
      objects.set(pathname, { content, contentType: request.headers['content-type'] ?? '' })
      response.writeHead(200, { etag: '"1"' }).end()
      return
    }
    if (request.method === 'DELETE') {
      objects.delete(pathname)
      response.writeHead(204).end()
      return
    }
    const object = objects.get(pathname)
    if (!object) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, {
      'content-type': object.contentType,
      'content-length': object.content.length,
      etag: '"1"',
    })
    response.end(request.method === 'HEAD' ? undefined : object.content)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  process.env.AWS_ACCESS_KEY_ID ??= 'test'
  process.env.AWS_SECRET_ACCESS_KEY ??= 'test'
  process.env.AWS_REGION ??= 'us-east-1'
  return {
    url: `http://127.0.0.1:${port}`,
    objects,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The body inside aws-chunked encoding: hexadecimal length, content, and a trailer that is of no interest here. */
function decodeChunks(body: Buffer, decodedLength: string | string[] | undefined): Buffer {
  if (decodedLength === undefined) return body
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = body.indexOf('\r\n', at)
    const length = Number.parseInt(body.toString('latin1', at, lineEnd), 16)
    if (!(length > 0)) return Buffer.concat(parts)
    parts.push(body.subarray(lineEnd + 2, lineEnd + 2 + length))
    at = lineEnd + 2 + length + 2
  }
}
