import {
  EncryptionKeys,
  Envelope,
  EnvironmentKeyList,
  environmentKeys,
  KeyReferencePattern,
  KeyReferences,
  type KeySources,
} from '@genqueue/accounts'
import { Secret, WebhookSigningKeys, webhookKey } from '@genqueue/contract'
import { parseCidrs } from '@genqueue/egress'
import { OtlpEndpoint, OtlpHeaders, TracesSampler, tracingSettings } from '@genqueue/tracing'
import { z } from 'zod'

const Milliseconds = z.coerce.number().int().positive()
const Count = z.coerce.number().int().positive()

/** One secret, or several with the current one first while it is being changed. */
const WebhookSecrets = z.string().transform((text, context) => {
  try {
    return text.split(/[\s,]+/).map((secret) => webhookKey(secret))
  } catch {
    context.addIssue('is not whsec_ and base64 of 24 to 64 bytes (make one: echo "whsec_$(openssl rand -base64 32)")')
    return []
  }
})

const Cidrs = z.string().transform((text, context) => {
  try {
    return parseCidrs(text)
  } catch (error) {
    context.addIssue(error instanceof Error ? error.message : 'is not a list of address ranges')
    return []
  }
})

const Env = z.object({
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }),
  KEY_PREFIX: z
    .string()
    .regex(/^\{[\w-]{1,32}\}$/, 'must be a Redis hash tag such as {gq}')
    .default('{gq}'),
  DURABILITY: z.enum(['local', 'replicated']).default('local'),
  PUBLIC_URL: z.url({ protocol: /^https?$/ }).default('http://localhost:8080'),
  STORAGE_URL: z.url({ protocol: /^(s3|file)$/, error: 'must be s3://bucket/prefix or file:///folder' }),
  S3_ENDPOINT: z.url().optional(),
  S3_FORCE_PATH_STYLE: z.stringbool().optional(),
  AWS_REGION: z.string().optional(),
  WEBHOOK_SECRET: WebhookSecrets,
  WEBHOOK_SIGNING_KEY: WebhookSigningKeys.default([]),
  HOOK_SECRET: z
    .string()
    .regex(/^[\x21-\x7e]{24,256}$/, 'must be 24 to 256 visible ASCII characters')
    .transform((secret) => new Secret(secret))
    .optional(),
  RUNWAY_API_KEY: EnvironmentKeyList.optional(),
  RUNWAY_BASE_URL: z.url({ protocol: /^https?$/ }).default('https://api.dev.runwayml.com'),
  RUNWARE_API_KEY: EnvironmentKeyList.optional(),
  RUNWARE_BASE_URL: z.url({ protocol: /^https?$/ }).default('https://api.runware.ai/v1'),
  ENCRYPTION_KEYS: EncryptionKeys.default([]),
  PROVIDER_KEY_ENV_PATTERN: KeyReferencePattern,
  EGRESS_ALLOW: Cidrs.default([]),
  OUTPUT_HOSTS: z
    .string()
    .transform((text) => text.split(',').map((host) => host.trim()))
    .optional(),
  SUBMIT_CONCURRENCY: Count.default(16),
  WAIT_CONCURRENCY: Count.default(64),
  POLL_CONCURRENCY: Count.default(128),
  COPY_CONCURRENCY: Count.default(8),
  NOTIFY_CONCURRENCY: Count.default(256),
  WEBHOOK_WINDOW: Count.default(32),
  SUBMIT_TIMEOUT_MS: Milliseconds.default(60_000),
  WAIT_TIMEOUT_MS: Milliseconds.default(120_000),
  POLL_TIMEOUT_MS: Milliseconds.default(5_000),
  COPY_TIMEOUT_MS: Milliseconds.default(1_800_000),
  COPY_DEADLINE_MS: Milliseconds.default(6 * 3_600_000),
  MAX_OUTPUT_BYTES: Count.default(5_368_709_120),
  WEBHOOK_TIMEOUT_MS: Milliseconds.max(30_000).default(15_000),
  LOCK_DURATION_MS: Milliseconds.default(30_000),
  STALLED_INTERVAL_MS: Milliseconds.default(10_000),
  RECONCILE_INTERVAL_MS: Milliseconds.default(10_000),
  RECONCILE_AFTER_MS: Milliseconds.default(120_000),
  SHUTDOWN_GRACE_MS: Milliseconds.default(75_000),
  SPEED: z.coerce.number().min(1).max(10_000).default(1),
  HEALTH_PORT: z.coerce.number().int().min(0).max(65_535).default(8081),
  HEALTH_HOST: z.string().default('127.0.0.1'),
  METRICS_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,256}$/, 'must be 16 to 256 visible ASCII characters')
    .transform((token) => new Secret(token))
    .optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: OtlpEndpoint.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: OtlpEndpoint.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: OtlpHeaders.optional(),
  OTEL_SERVICE_NAME: z.string().max(255).default('genqueue-worker'),
  OTEL_TRACES_SAMPLER: TracesSampler.default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1),
})

/** What a worker is told; durations in milliseconds. `SPEED` divides every planned wait: for demos and tests only. */
export type WorkerConfig = z.infer<typeof Env> & {
  /** Where provider keys come from: what opens stored ones, the variables they may refer to, and our own environment. */
  keySources: KeySources
  /** Who collects traces; undefined where nobody does. */
  tracing: ReturnType<typeof tracingSettings>
}

/** Reads the environment; throws one error that names every variable at fault and what it should be. */
export function readWorkerConfig(env: Readonly<Record<string, string | undefined>>): WorkerConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = Env.safeParse(given)
  if (!parsed.success) {
    const lines = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    throw new Error(`The worker cannot start with this environment:\n  ${lines.join('\n  ')}`)
  }
  if (parsed.data.NODE_ENV === 'production' && parsed.data.SPEED !== 1) {
    throw new Error('The worker cannot start with this environment:\n  SPEED: must be 1 in production')
  }
  const { ENCRYPTION_KEYS, PROVIDER_KEY_ENV_PATTERN: pattern, RUNWAY_API_KEY, RUNWARE_API_KEY } = parsed.data
  const keySources = {
    envelope: Envelope.of(ENCRYPTION_KEYS),
    references: new KeyReferences({ env, pattern }),
    environment: environmentKeys({ runway: RUNWAY_API_KEY, runware: RUNWARE_API_KEY }),
  }
  return { ...parsed.data, keySources, tracing: tracingSettings(parsed.data) }
}
