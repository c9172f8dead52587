import type { Command, Redis } from 'ioredis'

type Pending = { command: Command; sentAtMs: number; timeoutMs: number; isSettled: boolean }

/**
 * Rejects every command of the connection that is not answered in time with "Command timed out". Unlike ioredis' own
 * `commandTimeout` it reads what has arrived before it judges: after a stall of this process the timers come first, and
 * would take our own slowness for a silent Redis. A connection that answers nothing for `silenceMs` is given up: its
 * server may hang for ever while another one has taken its place. Nobody waits for what a connection asks before it is
 * ready, so that has `handshakeMs`: a slow Redis would be kept out by one slow answer of several.
 */
export function giveCommandsDeadline(
  redis: Redis,
  deadline: { timeoutMs: number; handshakeMs: number; silenceMs: number; checkMs: number },
): void {
  const { silenceMs, checkMs } = deadline
  // Redis answers in order, so the oldest is the first.
  const pending: Pending[] = []
  let isWatching = false
  let silence: { sinceMs: number; bytesRead: number } | undefined
  const dropSettled = () => {
    let settled = 0
    while (pending[settled]?.isSettled) settled += 1
    pending.splice(0, settled)
  }
  const isLate = ({ sentAtMs, timeoutMs }: Pending) => performance.now() - sentAtMs >= timeoutMs
  const check = () => {
    isWatching = false
    dropSettled()
    const oldest = pending[0]
    if (oldest && isLate(oldest)) setImmediate(judge)
    else watch()
  }
  const listen = (sentAtMs: number) => {
    const { stream, status } = redis
    if (status !== 'ready') return
    if (silence?.bytesRead !== stream.bytesRead) silence = { sinceMs: sentAtMs, bytesRead: stream.bytesRead }
    if (performance.now() - silence.sinceMs < silenceMs) return
    silence = undefined
    stream.destroy(new Error('Redis is silent'))
  }
  const judge = () => {
    dropSettled()
    for (const each of pending) {
      if (!isLate(each)) break
      if (each.isSettled) continue
      each.isSettled = true
      each.command.reject(new Error('Command timed out'))
      listen(each.sentAtMs)
    }
    watch()
  }
  const watch = () => {
    if (isWatching || pending.length === 0) return
    isWatching = true
    setTimeout(check, checkMs).unref()
  }
  const send = redis.sendCommand.bind(redis)
  redis.sendCommand = (command, stream) => {
    const timeoutMs = redis.status === 'ready' ? deadline.timeoutMs : deadline.handshakeMs
    const entry: Pending = { command, sentAtMs: performance.now(), timeoutMs, isSettled: false }
    const settle = () => {
      entry.isSettled = true
    }
    command.promise.then(settle, settle)
    pending.push(entry)
    watch()
    return send(command, stream)
  }
}
