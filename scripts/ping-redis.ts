import { connect } from 'node:net'

/** The process id of the server that answers PING on a loopback port; `undefined` while none does. */
export function pingRedis(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\nINFO server\r\n'))
    const settle = (processId?: number) => {
      socket.destroy()
      resolve(processId)
    }
    socket.setTimeout(1_000, () => settle())
    socket.on('error', () => settle())
    socket.on('close', () => settle())
    socket.on('data', (chunk) => {
      answer += chunk.toString()
      const processId = /\bprocess_id:(\d+)\r\n/.exec(answer)?.[1]
      // While it loads its data it answers -LOADING to PING.
      if (processId !== undefined) settle(answer.startsWith('+PONG') ? Number(processId) : undefined)
    })
  })
}
