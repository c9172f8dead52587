import { hookToken, type ProviderName } from '@genqueue/contract'
import { createGuardedAgent } from '@genqueue/egress'
import type { Meter } from '@genqueue/metrics'
import { createRunwareProvider, createRunwayProvider, type Provider } from '@genqueue/providers'
import { openStorage, type Storage } from '@genqueue/storage'
import type { Tracing } from '@genqueue/tracing'
import type { WorkerConfig } from './config.ts'
import { type CopySource, copyOutput } from './copy-output.ts'
import { countCopy, countRequest } from './count-outside.ts'
import { egressPolicies } from './egress-policies.ts'
import type { Leases } from './sender.ts'
import type { WebhookAnswer, WebhookCall } from './stages/notify.ts'
import { traceCopy, traceWebhooks } from './trace-outside.ts'
import type { VendorSettings } from './vendor-settings.ts'
import { createWebhookSender } from './webhook-sender.ts'

/** Where the outside world begins; a crash test stands in the way here. */
export type Seams = {
  provider?: (provider: Provider) => Provider
  storage?: (storage: Storage) => Storage
  sendWebhook?: (send: SendWebhook) => SendWebhook
  leases?: (leases: Leases) => Leases
}
type SendWebhook = (call: WebhookCall) => Promise<WebhookAnswer>

type OutsideDeps = {
  meter: Meter
  tracing: Tracing | undefined
  /** The trace of the job that a delivery tells of; asked only where tracing is on. */
  traceparentOf: (deliveryId: string) => Promise<string | undefined>
}

/** Vendors, bucket and receivers, each behind the guard that fits it. */
export function openOutside(config: WorkerConfig, seams: Seams, { meter, tracing, traceparentOf }: OutsideDeps) {
  const policies = egressPolicies(config, (stage, reason) => meter.count('ssrf_blocked_total', { stage, reason }))
  const limits = { dnsTimeoutMs: 2_000, connectTimeoutMs: 5_000, keepAliveMs: 4_000 }
  // What a waiting caller's create brought is copied at once, beside the others.
  const copies = config.COPY_CONCURRENCY + config.WAIT_CONCURRENCY
  const media = createGuardedAgent(policies.outputs, { ...limits, connections: copies })
  const uploads = createGuardedAgent(policies.uploads, { ...limits, connections: config.SUBMIT_CONCURRENCY })
  const webhooks = createGuardedAgent(policies.webhooks, { ...limits, connections: config.WEBHOOK_WINDOW })
  const vendor = createGuardedAgent(policies.vendors, {
    ...limits,
    connections: config.SUBMIT_CONCURRENCY + config.WAIT_CONCURRENCY + config.POLL_CONCURRENCY,
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
  const calls = { dispatcher: vendor, uploadTimeoutMs: config.COPY_TIMEOUT_MS }
  const hookSecret = config.HOOK_SECRET
  const publicUrl = config.PUBLIC_URL.replace(/\/+$/, '')
  const providers: Readonly<Record<ProviderName, (settings: VendorSettings) => Provider>> = {
    runway: lastMade((settings) =>
      (seams.provider ?? identity)(
        createRunwayProvider({
          ...calls,
          ...settings,
          guardedDispatcher: uploads,
          onRequest: countRequest('runway', meter, tracing),
        }),
      ),
    ),
    runware: lastMade((settings) =>
      (seams.provider ?? identity)(
        createRunwareProvider({
          ...calls,
          ...settings,
          waitTimeoutMs: config.WAIT_TIMEOUT_MS,
          onRequest: countRequest('runware', meter, tracing),
          ...(hookSecret && { webhookUrl: (ref) => `${publicUrl}/hooks/runware/${hookToken(hookSecret, ref)}` }),
        }),
      ),
    ),
  }
  const copyDeps = {
    storage,
    agent: media,
    policy: policies.outputs,
    maxBytes: config.MAX_OUTPUT_BYTES,
    timeoutMs: config.COPY_TIMEOUT_MS,
  }
  const sendWebhook = (seams.sendWebhook ?? identity)(
    createWebhookSender({
      agent: webhooks,
      policy: policies.webhooks,
      timeoutMs: config.WEBHOOK_TIMEOUT_MS,
      signingKeys: config.WEBHOOK_SIGNING_KEY,
    }),
  )
  return {
    storage,
    /** The vendor as its settings are now; one that was given out before goes on with what it was made with. */
    provider: (name: ProviderName, settings: VendorSettings) => providers[name](settings),
    copy: (source: CopySource, signal: AbortSignal) =>
      traceCopy(source, () => countCopy(copyOutput(source, copyDeps, signal), meter), tracing),
    sendWebhook: traceWebhooks(sendWebhook, traceparentOf, tracing),
    async close() {
      await Promise.all([vendor.close(), media.close(), uploads.close(), webhooks.close(), storage.close()])
    },
  }
}

/** Makes a vendor again only when its settings have changed. */
function lastMade(make: (settings: VendorSettings) => Provider): (settings: VendorSettings) => Provider {
  let last: { name: string; provider: Provider } | undefined
  return (settings) => {
    const name = JSON.stringify(settings)
    if (last?.name !== name) last = { name, provider: make(settings) }
    return last.provider
  }
}
