import { randomBytes } from 'node:crypto'
import { jobError } from '@genqueue/contract'
import { createGuardedAgent, type EgressPolicy, parseCidrs } from '@genqueue/egress'
import { createKeys, Jobs, type LeasedDelivery, Outbox, openQueues } from '@genqueue/jobs'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { ensureRedisServer } from '../../../scripts/redis-binary.ts'
import { startRedis } from '../../../scripts/redis-process.ts'
import { Sender, type SenderDeps } from './sender.ts'
import { createWebhookSender } from './webhook-sender.ts'

export const SECRET = Buffer.alloc(32, 7)

/** Jobs that end, their outbox on a real Redis, and senders behind the real guard; `ca`: certificates they trust. */
export async function openSending({ timeoutMs, ca }: { timeoutMs: number; ca?: string }) {
  const binary = await ensureRedisServer({ install: false })
  if (binary === undefined) throw new Error('these tests need redis-server; npm test installs it')
  const server = await startRedis({ binary })
  const connections: Redis[] = []
  const connect = () => {
    const redis = new Redis(server.url, { maxRetriesPerRequest: null })
    connections.push(redis)
    return redis
  }
  const redis = connect()
  const keys = createKeys(`{t${randomBytes(4).toString('hex')}}`)
  const queues = openQueues(redis, keys)
  const jobs = new Jobs({ redis, queues, keys, publicUrl: 'https://queue.example' })
  const policy: EgressPolicy = {
    allowHttp: false,
    ports: new Set([443]),
    allow: parseCidrs('127.0.0.0/8'),
    deny: [],
  }
  const agent = createGuardedAgent(policy, {
    dnsTimeoutMs: 1_000,
    connectTimeoutMs: 1_000,
    keepAliveMs: 4_000,
    connections: 32,
    ...(ca !== undefined && { ca }),
  })
  const disabled: { team: string; endpointId: string; reason: string }[] = []
  return {
    redis,
    keys,
    agent,
    policy,
    disabled,
    outbox: new Outbox({ redis, keys }),
    async endJob(webhookUrl: string | undefined, team = 'default'): Promise<string> {
      const outcome = await jobs.accept(jobTo(webhookUrl, team))
      if (outcome.kind !== 'created') throw new Error(outcome.kind)
      await jobs.end(outcome.job, { status: 'failed', error: jobError('moderation'), outputs: [] })
      return outcome.job.id
    },
    /** A sender of its own; with `clockOffsetMs`, one that lives so much later. */
    sender(parts: Partial<SenderDeps> & { clockOffsetMs?: number } = {}): Sender {
      const { clockOffsetMs = 0, ...rest } = parts
      const outbox = new Outbox({ redis: connect(), keys, clockOffsetMs })
      return new Sender({
        outbox,
        destinationOf: async ({ url = '' }: LeasedDelivery) => ({ url, keys: [SECRET] }),
        send: createWebhookSender({ agent, policy, timeoutMs }),
        concurrency: 256,
        maxPerHost: 32,
        timeoutMs,
        onDisabled: async (endpoint) => void disabled.push(endpoint),
        speed: 1,
        log: pino({ level: 'silent' }),
        now: () => Date.now() + clockOffsetMs,
        random: Math.random,
        ...rest,
      })
    },
    async close() {
      await queues.close()
      await agent.destroy()
      for (const each of connections) each.disconnect()
      await server.stop()
    },
  }
}

export type Sending = Awaited<ReturnType<typeof openSending>>

function jobTo(webhookUrl: string | undefined, team: string): Parameters<Jobs['accept']>[0] {
  return {
    team,
    provider: 'runway',
    operation: 'text_to_video',
    model: 'gen4.5',
    kind: 'video',
    door: 'jobs',
    request: {
      body: {},
      display: {},
      metadata: { order: 'naïve 火' },
      ...(webhookUrl !== undefined && { webhookUrl }),
      onSubmissionUnknown: 'fail',
      deadlines: { queueMs: 60_000, throttledMs: 60_000, runningMs: 60_000 },
      retentionMs: 60_000,
      inputs: [],
    },
  }
}
