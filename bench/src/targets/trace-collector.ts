import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

/** Takes traces and forgets them. GET tells how many spans they had. */
let spans = 0
createServer(async (request, response) => {
  const body = await text(request)
  spans += body.split('"spanId"').length - 1
  response.writeHead(200, { 'content-type': 'application/json' }).end(request.method === 'GET' ? `${spans}` : '{}')
}).listen(Number(process.env.PORT), '127.0.0.1')
