import { Secret } from '@genqueue/contract'
import { z } from 'zod'

/** An address of OTLP over HTTP; a password has its place in the headers. */
export const OtlpEndpoint = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL, such as http://collector:4318' })
  .refine((url) => {
    const { username, password } = new URL(url)
    return username === '' && password === ''
  }, 'must hold no password; use OTEL_EXPORTER_OTLP_HEADERS')

/** `name=value,name=value`, the values percent-encoded where they have to be. */
export const OtlpHeaders = z.string().transform((text, context) => {
  const pairs = text.split(',').map((pair) => /^\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*([\x21-\x7e ]*?)\s*$/.exec(pair))
  try {
    return pairs.map((pair) => {
      if (pair === null) throw new Error('not a pair')
      const [, name = '', value = ''] = pair
      return { name: name.toLowerCase(), value: new Secret(decodeURIComponent(value)) }
    })
  } catch {
    context.addIssue('must be name=value, with commas between, and values percent-encoded')
    return z.NEVER
  }
})

/** Which traces are recorded, by the standard's own names. `parentbased_…`: as the caller's, where there is one. */
export const TracesSampler = z.enum([
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
])

export type TracingSettings = {
  /** Where traces are posted to. */
  url: string
  headers: z.infer<typeof OtlpHeaders>
  serviceName: string
  sampler: z.infer<typeof TracesSampler>
  /** For the samplers by ratio. */
  ratio: number
}

/** The standard's variables, as both programs read them. */
type TracingVars = {
  OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string | undefined
  OTEL_EXPORTER_OTLP_HEADERS?: TracingSettings['headers'] | undefined
  OTEL_SERVICE_NAME: string
  OTEL_TRACES_SAMPLER: TracingSettings['sampler']
  OTEL_TRACES_SAMPLER_ARG: number
}

/** Undefined, which is off, unless somebody is named who collects traces. */
export function tracingSettings(vars: TracingVars): TracingSettings | undefined {
  const base = vars.OTEL_EXPORTER_OTLP_ENDPOINT
  const url = vars.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base && `${base.replace(/\/+$/, '')}/v1/traces`)
  if (!url || vars.OTEL_TRACES_SAMPLER === 'always_off') return undefined
  return {
    url,
    headers: vars.OTEL_EXPORTER_OTLP_HEADERS ?? [],
    serviceName: vars.OTEL_SERVICE_NAME,
    sampler: vars.OTEL_TRACES_SAMPLER,
    ratio: vars.OTEL_TRACES_SAMPLER_ARG,
  }
}
