import { hookToken, type ProviderName } from '@genqueue/contract'
import { createGuardedAgent, type EgressPolicy } from '@genqueue/egress'
import { createRunwareProvider, createRunwayProvider, type Provider } from '@genqueue/providers'
import { openStorage, type Storage } from '@genqueue/storage'
import { Agent } from 'undici'
import type { WorkerConfig } from './config.ts'
import { type CopySource, copyOutput } from './copy-output.ts'
import type { WebhookAnswer, WebhookCall } from './stages/notify.ts'
import { createWebhookSender } from './webhook-sender.ts'

/** Where the outside world begins; a crash test stands in the way here. */
export type Seams = {
  provider?: (provider: Provider) => Provider
  storage?: (storage: Storage) => Storage
  sendWebhook?: (send: SendWebhook) => SendWebhook
}
type SendWebhook = (call: WebhookCall) => Promise<WebhookAnswer>

const WEBHOOK_PORTS = new Set([443, 80, 8443, 8080])
const MEDIA_PORTS = new Set([443, 8443])

/** Vendors, bucket and receivers, each behind the guard that fits it. */
export function openOutside(config: WorkerConfig, seams: Seams) {
  const policy = (ports: EgressPolicy['ports'], hosts?: readonly string[]): EgressPolicy => ({
    allowHttp: false,
    ports,
    allow: config.EGRESS_ALLOW,
    deny: [],
    ...(hosts && { hosts }),
  })
  const limits = { dnsTimeoutMs: 2_000, connectTimeoutMs: 5_000, keepAliveMs: 4_000 }
  const mediaPolicy = policy(MEDIA_PORTS, config.OUTPUT_HOSTS)
  const webhookPolicy = policy(WEBHOOK_PORTS)
  // What a waiting caller's create brought is copied at once, beside the others.
  const copies = config.COPY_CONCURRENCY + config.WAIT_CONCURRENCY
  const media = createGuardedAgent(mediaPolicy, { ...limits, connections: copies })
  const uploads = createGuardedAgent(policy(MEDIA_PORTS), { ...limits, connections: config.SUBMIT_CONCURRENCY })
  const webhooks = createGuardedAgent(webhookPolicy, { ...limits, connections: 16 })
  const vendor = new Agent({
    connections: config.SUBMIT_CONCURRENCY + config.WAIT_CONCURRENCY + config.POLL_CONCURRENCY,
    keepAliveTimeout: 4_000,
    connect: { timeout: 5_000 },
  })
  const identity = <T>(part: T) => part
  const storage = (seams.storage ?? identity)(
    openStorage(config.STORAGE_URL, {
      ...(config.S3_ENDPOINT && { s3Endpoint: config.S3_ENDPOINT }),
      // Services other than AWS ignore the region, but the SDK insists on one.
      ...(config.S3_ENDPOINT && { region: config.AWS_REGION ?? 'us-east-1' }),
      ...(config.S3_FORCE_PATH_STYLE !== undefined && { forcePathStyle: config.S3_FORCE_PATH_STYLE }),
    }),
  )
  const calls = {
    dispatcher: vendor,
    submitTimeoutMs: config.SUBMIT_TIMEOUT_MS,
    pollTimeoutMs: config.POLL_TIMEOUT_MS,
    uploadTimeoutMs: config.COPY_TIMEOUT_MS,
  }
  const runway = createRunwayProvider({ ...calls, baseUrl: config.RUNWAY_BASE_URL, guardedDispatcher: uploads })
  const hookSecret = config.HOOK_SECRET
  const publicUrl = config.PUBLIC_URL.replace(/\/+$/, '')
  const runware = createRunwareProvider({
    ...calls,
    baseUrl: config.RUNWARE_BASE_URL,
    waitTimeoutMs: config.WAIT_TIMEOUT_MS,
    ...(hookSecret && { webhookUrl: (ref) => `${publicUrl}/hooks/runware/${hookToken(hookSecret, ref)}` }),
  })
  const providers: Readonly<Record<ProviderName, Provider>> = {
    runway: (seams.provider ?? identity)(runway),
    runware: (seams.provider ?? identity)(runware),
  }
  const copyLimits = { maxBytes: config.MAX_OUTPUT_BYTES, timeoutMs: config.COPY_TIMEOUT_MS }
  return {
    storage,
    providers,
    copy: (source: CopySource, signal: AbortSignal) =>
      copyOutput(source, { storage, agent: media, policy: mediaPolicy, ...copyLimits }, signal),
    sendWebhook: (seams.sendWebhook ?? identity)(
      createWebhookSender({
        agent: webhooks,
        policy: webhookPolicy,
        keys: config.WEBHOOK_SECRET,
        timeoutMs: config.WEBHOOK_TIMEOUT_MS,
      }),
    ),
    async close() {
      await Promise.all([vendor.close(), media.close(), uploads.close(), webhooks.close(), storage.close()])
    },
  }
}
