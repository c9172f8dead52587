import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { NEVER, underWay } from './faults.ts'
import type { Point } from './points.ts'

const SCRIPTS = new URL('../../packages/jobs/src/scripts/', import.meta.url)
const ENDS: readonly string[] = ['succeeded', 'failed', 'canceled']
const SUBMITS = /:bq:(submit|wait)-/
const COPIES = /:bq:(copy|wait-\w+):/

type Sent = Parameters<Redis['sendCommand']>[0]
/** A script by its name, and what it was called with: keys, then arguments. */
type Call = { name: string; keys: readonly string[]; args: readonly string[] }

/**
 * Stands on every connection of this process, where our scripts and BullMQ's go by. `resends` is told whether a command
 * whose answer was lost is sent again, as the worker's client does, where the API's gives up.
 */
export function watchRedis(resends: () => boolean): void {
  const names = ourScripts()
  const sent = new WeakSet<Sent>()
  const { sendCommand, defineCommand } = Redis.prototype
  Redis.prototype.defineCommand = function (name, definition) {
    names.set(sha1(definition.lua), name)
    return defineCommand.call(this, name, definition)
  }
  Redis.prototype.sendCommand = function (command, stream) {
    const faults = underWay.getStore()
    if (faults?.isDead) return NEVER
    const call = faults && callOf(command, names)
    // What waited for a connection, or lost one, comes by again: whoever asked for it holds its first promise.
    if (!faults || !call || sent.has(command)) return sendCommand.call(this, command, stream)
    sent.add(command)
    const before = pointBefore(call)
    if (before !== undefined && faults.reach(before) !== undefined) {
      command.promise.catch(() => {})
      command.reject(new Error(`fault at ${before}`))
      return command.promise
    }
    if (faults.isDead) return NEVER
    const reply = sendCommand.call(this, command, stream)
    if (!isPromise(reply) || !mayHavePointAfter(call)) return reply
    return reply.then(async (value) => {
      await faults.alive()
      const after = pointAfter(call, value)
      if (after === undefined) return value
      const lost = await faults.pass(after, () => true)
      if (lost === undefined) return value
      if (resends()) return this.call(command.name, ...command.args.map(String))
      throw new Error('Connection is closed.')
    })
  }
}

function pointBefore({ name, keys, args }: Call): Point | undefined {
  if (name === 'accept') return 'accept.before_script'
  if (name === 'advance' && ENDS.includes(args[4] ?? '')) return 'terminal.before_script'
  if (name.startsWith('moveToFinished') && COPIES.test(keys[0] ?? '')) return 'copy.recorded'
  if (name === 'zadd' && keys[0]?.endsWith(':open') && args[0] === 'XX') return 'sweeper.mid_batch'
  return undefined
}

function mayHavePointAfter({ name }: Call): boolean {
  return ['accept', 'begin-submit', 'accepted', 'finished', 'advance'].includes(name) || name.startsWith('moveTo')
}

function pointAfter({ name, keys, args }: Call, reply: unknown): Point | undefined {
  const first = Array.isArray(reply) ? String(reply[0]) : String(reply)
  switch (name) {
    case 'accept':
      return first === 'created' ? 'accept.after_script' : undefined
    case 'begin-submit':
      return first === 'begun' ? 'submit.intent_written' : undefined
    case 'accepted':
      return first === 'submitted' ? 'submit.id_saved' : undefined
    case 'finished':
      return first === 'generated' ? 'submit.id_saved' : undefined
    case 'advance':
      return first === '1' && ENDS.includes(args[4] ?? '') ? 'terminal.after_script' : undefined
    default: {
      const isClaim = /^moveTo(Active|Finished)/.test(name) && SUBMITS.test(keys[0] ?? '')
      return isClaim && Array.isArray(reply) && Array.isArray(reply[0]) ? 'worker.after_claim' : undefined
    }
  }
}

function callOf(command: Sent, names: ReadonlyMap<string, string>): Call | undefined {
  const args = command.args.flat().map(String)
  if (command.name === 'zadd') return { name: 'zadd', keys: args.slice(0, 1), args: args.slice(1) }
  if (command.name !== 'evalsha' && command.name !== 'eval') return undefined
  const [script = '', count = '0', ...rest] = args
  const name = names.get(command.name === 'eval' ? sha1(script) : script)
  const keys = Number(count)
  return name === undefined ? undefined : { name, keys: rest.slice(0, keys), args: rest.slice(keys) }
}

/** Our scripts by their hashes, put together as packages/jobs does. */
function ourScripts(): Map<string, string> {
  const read = (name: string): string => readFileSync(new URL(`${name}.lua`, SCRIPTS), 'utf8')
  const files = z.array(z.string()).parse(readdirSync(SCRIPTS))
  return new Map(
    files.map((file) => {
      const name = file.slice(0, -'.lua'.length)
      return [sha1(read(name).replace(/^-- include (\S+)$/gm, (_, part: string) => read(part))), name]
    }),
  )
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise
}
