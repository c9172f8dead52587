import { expect, test } from 'vitest'
import { createLog } from './create-log.ts'

function linesOf(write: (log: ReturnType<typeof createLog>['log']) => void): string[] {
  const lines: string[] = []
  const { log, close } = createLog({
    service: 'genqueue-test',
    level: 'info',
    destination: { write: (line) => void lines.push(line) },
  })
  write(log)
  close()
  return lines
}

test('a field cannot pass for the level, time, text or service of its line, in a child neither', () => {
  const forged = { level: 'fatal', time: 1, msg: 'all is lost', service: 'bank', pid: 1, jobId: 'job_1' }
  for (const line of linesOf((log) => {
    log.info(forged, 'job seen')
    log.child({}, { redact: [] }).info(forged, 'job seen')
  })) {
    expect(JSON.parse(line)).toMatchObject({
      level: 'info',
      msg: 'job seen',
      service: 'genqueue-test',
      jobId: 'job_1',
      fields: { level: 'fatal', msg: 'all is lost' },
    })
    const top = line.replace(/"fields":\{[^}]*\}/, '')
    for (const name of ['level', 'time', 'msg', 'service', 'pid']) expect(top.split(`"${name}":`)).toHaveLength(2)
  }
})

test('line breaks and control characters of others stay inside their line', () => {
  const hostile = 'a\r\n{"level":"fatal","msg":"forged"}\n\u001b[2J\u2028'
  const lines = linesOf((log) => log.warn({ detail: hostile, err: new Error(hostile) }, 'copy failed'))
  expect(lines).toHaveLength(1)
  expect([...(lines[0]?.trimEnd() ?? '')].filter((character) => character < ' ')).toEqual([])
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'warn', msg: 'copy failed', detail: hostile })
})

test.each([
  ['a field', (canary: string) => ({ key: canary })],
  ['a field in a field', (canary: string) => ({ request: { headers: { authorization: canary } } })],
  ['the message of an error', (canary: string) => ({ err: new Error(`refused: Bearer ${canary}`) })],
  ['the second line of it', (canary: string) => ({ err: new Error(`refused\nauthorization: Bearer ${canary}`) })],
  ['its cause', (canary: string) => ({ err: new Error('x', { cause: new Error(`redis://:${canary}@redis:6379`) }) })],
  ['its own fields', (canary: string) => ({ err: Object.assign(new Error('x'), { config: { canary } }) })],
  ['what it is made of', (canary: string) => ({ err: { message: canary } })],
  ['a signed address', (canary: string) => ({ detail: `GET https://b.example/o?X-Amz-Signature=${canary}&x=1 403` })],
  ['a vendor’s words', (canary: string) => ({ detail: `Incorrect key provided: key_${canary}.` })],
])('a secret in %s does not reach the line', (_, fieldsOf) => {
  const canary = 'c4n4ry-0123456789abcdef'
  const [line = ''] = linesOf((log) => log.error(fieldsOf(canary), 'failed'))
  expect(JSON.parse(line)).toMatchObject({ msg: 'failed' })
  expect(line).not.toContain(canary)
})

test('an error that is its own cause ends', () => {
  const error = new Error('round')
  error.cause = error
  expect(linesOf((log) => log.error({ err: error }, 'failed'))).toHaveLength(1)
})
