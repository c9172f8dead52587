import {
  EncryptionKeys,
  EnvironmentKeyList,
  environmentKeys,
  KeyReferencePattern,
  KeyReferences,
} from '@genqueue/accounts'
import { Secret, WebhookSigningKeys } from '@genqueue/contract'
import { type EgressPolicy, parseCidrs } from '@genqueue/egress'
import { OtlpEndpoint, OtlpHeaders, TracesSampler, tracingSettings } from '@genqueue/tracing'
import { z } from 'zod'
import { CorsOrigins } from './access/cors.ts'
import { type TeamKey, TeamKeys } from './access/team-keys.ts'
import { DEFAULT_INTAKE_LIMITS, type IntakeLimits } from './intake/intake-limits.ts'
import { Prices } from './prices.ts'

const LOOPBACK_HOSTS: readonly string[] = ['127.0.0.1', '::1', 'localhost']
const MB = 1024 * 1024

const seconds = (max: number) => z.coerce.number().int().min(1).max(max)
const httpUrl = () => z.url({ protocol: /^https?$/, error: 'must be an http or https URL' })
const ApiKey = z
  .string()
  .regex(/^[\x21-\x7e]{24,256}$/, 'must be 24 to 256 visible ASCII characters')
  .refine((key) => new Set(key).size >= 8, 'must not repeat so few characters: openssl rand -hex 24')

/** The variables of the API; `.env.example` says what each is for. */
const Env = z.object({
  NODE_ENV: z.enum(['development', 'production', 'test']).default('development'),
  REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// URL' }),
  STORAGE_URL: z.url({ protocol: /^(s3|file)$/, error: 'must be s3://bucket/prefix or file:///folder' }),
  S3_ENDPOINT: httpUrl().optional(),
  S3_PUBLIC_ENDPOINT: httpUrl().optional(),
  S3_FORCE_PATH_STYLE: z.stringbool().optional(),
  AWS_REGION: z.string().optional(),
  HOST: z.string().max(255).optional(),
  PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  ADMIN_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  TRUST_PROXY_HOPS: z.coerce.number().int().min(0).max(10).default(0),
  PUBLIC_URL: httpUrl().optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  ADMIN_API_KEY: ApiKey.optional(),
  API_KEYS: TeamKeys.default([]),
  CORS_ORIGINS: CorsOrigins.default(new Set<string>()),
  EGRESS_ALLOW: z.string().default('').transform(cidrs),
  KEY_PREFIX: z
    .string()
    .regex(/^\{[\w-]{1,32}\}$/, 'must be a Redis hash tag such as {gq}')
    .default('{gq}'),
  DURABILITY: z.enum(['local', 'replicated']).default('local'),
  QUEUE_DEADLINE_SECONDS: seconds(2_592_000).default(86_400),
  THROTTLED_DEADLINE_SECONDS: seconds(2_592_000).default(43_200),
  RUNNING_DEADLINE_SECONDS: seconds(604_800).default(3_600),
  RETENTION_DAYS: z.coerce.number().min(0.001).max(365).default(30),
  ON_SUBMISSION_UNKNOWN: z.enum(['fail', 'resubmit']).default('fail'),
  MAX_JSON_KB: z.coerce.number().int().min(1).max(65_536).default(256),
  MAX_DATA_URI_MB: z.coerce.number().min(0.01).max(1024).default(20),
  MAX_FILE_MB: z.coerce.number().min(0.01).max(5120).default(200),
  POLL_AFTER_MS: z.coerce.number().int().min(100).max(60_000).default(2_000),
  PRESIGN_SECONDS: seconds(604_800).default(3_600),
  IMAGE_WAIT_SECONDS: seconds(600).default(120),
  FILE_RETENTION_DAYS: z.coerce.number().min(0.001).max(365).default(30),
  HOOK_SECRET: z
    .string()
    .regex(/^[\x21-\x7e]{24,256}$/, 'must be 24 to 256 visible ASCII characters')
    .optional(),
  WEBHOOK_SIGNING_KEY: WebhookSigningKeys.default([]),
  ENCRYPTION_KEYS: EncryptionKeys.default([]),
  PROVIDER_KEY_ENV_PATTERN: KeyReferencePattern,
  RUNWAY_API_KEY: EnvironmentKeyList.optional(),
  RUNWARE_API_KEY: EnvironmentKeyList.optional(),
  PRICES: Prices,
  SHUTDOWN_GRACE_SECONDS: seconds(600).default(20),
  METRICS_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,256}$/, 'must be 16 to 256 visible ASCII characters')
    .optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: OtlpEndpoint.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: OtlpEndpoint.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: OtlpHeaders.optional(),
  OTEL_SERVICE_NAME: z.string().max(255).default('genqueue-api'),
  OTEL_TRACES_SAMPLER: TracesSampler.default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1),
})

/** Hosts a caller may name: https on the usual ports, never a private address outside the operator's ranges. */
const PUBLIC_PORTS: ReadonlySet<number> = new Set([443, 80, 8443, 8080])

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** Reads the environment. Throws one ConfigError that names every bad variable. */
export function parseConfig(env: Readonly<Record<string, string | undefined>>) {
  // An empty variable is an absent one: that is how Compose passes what is not set.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = Env.safeParse(given)
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) =>
      given[String(path[0])] === undefined ? `${path.join()} is not set` : `${path.join()}: ${message}`,
    )
    throw new ConfigError(`The environment is not valid:\n  ${[...new Set(faults)].join('\n  ')}`)
  }
  const vars = parsed.data
  const isProduction = vars.NODE_ENV === 'production'
  const host = vars.HOST ?? (isProduction ? '0.0.0.0' : '127.0.0.1')
  const isLoopback = LOOPBACK_HOSTS.includes(host)
  const teamKeys: TeamKey[] = [...vars.API_KEYS]
  if (vars.ADMIN_API_KEY) teamKeys.push({ team: 'default', key: new Secret(vars.ADMIN_API_KEY), isAdmin: true })
  if (vars.API_KEYS.some(({ key }) => key.reveal() === vars.ADMIN_API_KEY)) {
    throw new ConfigError('The environment is not valid:\n  API_KEYS: holds the key of ADMIN_API_KEY')
  }
  if (isProduction && !vars.ADMIN_API_KEY) {
    throw new ConfigError(
      'The environment is not valid:\n  ADMIN_API_KEY is not set; production does not start without',
    )
  }
  if (!isLoopback && teamKeys.length === 0) {
    throw new ConfigError(
      `The environment is not valid:\n  HOST is ${host}, which others can reach, but neither ADMIN_API_KEY nor API_KEYS is set`,
    )
  }
  if (vars.ADMIN_PORT === vars.PORT && vars.PORT !== 0) {
    throw new ConfigError('The environment is not valid:\n  ADMIN_PORT: must be another port than PORT')
  }
  const egress: EgressPolicy = { allowHttp: false, ports: PUBLIC_PORTS, allow: vars.EGRESS_ALLOW, deny: [] }
  return {
    isProduction,
    redisUrl: new Secret(vars.REDIS_URL),
    storageUrl: vars.STORAGE_URL,
    s3: {
      ...(vars.S3_ENDPOINT && { s3Endpoint: vars.S3_ENDPOINT }),
      ...(vars.S3_PUBLIC_ENDPOINT && { s3PublicEndpoint: vars.S3_PUBLIC_ENDPOINT }),
      // Services other than AWS ignore the region, but the SDK insists on one.
      ...(vars.S3_ENDPOINT && { region: vars.AWS_REGION ?? 'us-east-1' }),
      ...(vars.S3_FORCE_PATH_STYLE !== undefined && { forcePathStyle: vars.S3_FORCE_PATH_STYLE }),
    },
    host,
    port: vars.PORT,
    /** Where alone the routes of administrators are, if anywhere else. */
    adminPort: vars.ADMIN_PORT,
    /** How many proxies of ours a request comes through; each adds to X-Forwarded-For. */
    trustProxyHops: vars.TRUST_PROXY_HOPS,
    publicUrl: vars.PUBLIC_URL?.replace(/\/+$/, ''),
    logLevel: vars.LOG_LEVEL,
    teamKeys,
    /** A request without any key acts as the default team: on a developer's own machine only. */
    allowKeyless: !isProduction && isLoopback && vars.TRUST_PROXY_HOPS === 0,
    egress,
    /** Whose pages may read answers; nobody's by default. */
    corsOrigins: vars.CORS_ORIGINS,
    keyPrefix: vars.KEY_PREFIX,
    /** A job counts as accepted when a replica has it. */
    isReplicated: vars.DURABILITY === 'replicated',
    jobDefaults: {
      deadlines: {
        queueMs: vars.QUEUE_DEADLINE_SECONDS * 1000,
        throttledMs: vars.THROTTLED_DEADLINE_SECONDS * 1000,
        runningMs: vars.RUNNING_DEADLINE_SECONDS * 1000,
      },
      retentionMs: Math.round(vars.RETENTION_DAYS * 86_400_000),
      onSubmissionUnknown: vars.ON_SUBMISSION_UNKNOWN,
    },
    limits: limitsOf(vars),
    pollAfterMs: vars.POLL_AFTER_MS,
    presignSeconds: vars.PRESIGN_SECONDS,
    imageWaitMs: vars.IMAGE_WAIT_SECONDS * 1000,
    fileRetentionMs: Math.round(vars.FILE_RETENTION_DAYS * 86_400_000),
    hookSecret: vars.HOOK_SECRET === undefined ? undefined : new Secret(vars.HOOK_SECRET),
    /** The public halves of what workers sign with; the API keeps no other. */
    webhookPublicKeys: vars.WEBHOOK_SIGNING_KEY.map(({ publicKey, keyId }) => ({ publicKey, keyId })),
    providerKeys: {
      encryptionKeys: vars.ENCRYPTION_KEYS,
      references: new KeyReferences({ env, pattern: vars.PROVIDER_KEY_ENV_PATTERN }),
      environment: environmentKeys({ runway: vars.RUNWAY_API_KEY, runware: vars.RUNWARE_API_KEY }),
    },
    /** What the operator knows of prices; wins over our own list. */
    prices: vars.PRICES,
    shutdownGraceMs: vars.SHUTDOWN_GRACE_SECONDS * 1000,
    /** What a scraper of `/metrics` carries. */
    metricsToken: vars.METRICS_TOKEN === undefined ? undefined : new Secret(vars.METRICS_TOKEN),
    /** Who collects traces; undefined where nobody does. */
    tracing: tracingSettings(vars),
  }
}

function limitsOf({ MAX_JSON_KB, MAX_DATA_URI_MB, MAX_FILE_MB }: z.infer<typeof Env>): IntakeLimits {
  const maxFileBytes = Math.round(MAX_FILE_MB * MB)
  return {
    ...DEFAULT_INTAKE_LIMITS,
    maxJsonBytes: MAX_JSON_KB * 1024,
    maxDataUriChars: Math.round(MAX_DATA_URI_MB * MB),
    maxFileBytes,
    maxBodyBytes: Math.max(DEFAULT_INTAKE_LIMITS.maxBodyBytes, 2 * maxFileBytes),
  }
}

export type ApiConfig = ReturnType<typeof parseConfig>

function cidrs(text: string, context: z.RefinementCtx) {
  try {
    return parseCidrs(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is not a list of ranges' })
    return z.NEVER
  }
}
