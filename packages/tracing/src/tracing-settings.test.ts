import { expect, test } from 'vitest'
import { OtlpEndpoint, OtlpHeaders, tracingSettings } from './tracing-settings.ts'

const USUAL = {
  OTEL_SERVICE_NAME: 'genqueue-api',
  OTEL_TRACES_SAMPLER: 'parentbased_always_on',
  OTEL_TRACES_SAMPLER_ARG: 1,
} as const

test('tracing is off unless a collector is named, and where nothing would be told', () => {
  const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://collector:4318'
  expect(tracingSettings(USUAL)).toBeUndefined()
  expect(tracingSettings({ ...USUAL, OTEL_EXPORTER_OTLP_ENDPOINT })?.url).toBe('http://collector:4318/v1/traces')
  const off = { ...USUAL, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER: 'always_off' } as const
  expect(tracingSettings(off)).toBeUndefined()
})

test('an address for traces is taken as it stands, before the one for everything', () => {
  const OTEL_EXPORTER_OTLP_TRACES_ENDPOINT = 'https://traces.example/otlp?team=media'
  const settings = tracingSettings({
    ...USUAL,
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/base/',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
  })
  expect(settings?.url).toBe(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)
})

test('headers are pairs whose values are secrets, decoded', () => {
  const headers = OtlpHeaders.parse('X-Api-Key=abc%3D1, authorization = Bearer xyz==')
  expect(headers.map(({ name, value }) => [name, value.reveal()])).toEqual([
    ['x-api-key', 'abc=1'],
    ['authorization', 'Bearer xyz=='],
  ])
  expect(JSON.stringify(headers)).not.toContain('xyz')
})

test.each(['abc', '=x', 'a b=c', 'x=%zz', 'x=a\r\ny: b'])('headers %j are refused', (text) => {
  expect(OtlpHeaders.safeParse(text).success).toBe(false)
})

test.each(['collector:4318', 'grpc://collector:4317', 'https://user:password@collector'])('%s is refused', (url) => {
  const parsed = OtlpEndpoint.safeParse(url)
  expect(parsed.success).toBe(false)
  expect(JSON.stringify(parsed.error?.issues)).not.toContain('user:password')
})
