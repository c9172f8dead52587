import { type Span, SpanStatusCode } from '@opentelemetry/api'
import { writeTraceparent } from './traceparent.ts'
import type { Attributes, Step } from './tracing.ts'

/** A span that has begun. One that is never ended is never told of, which is what becomes of quiet ones. */
export class OpenStep implements Step {
  readonly span: Span
  readonly traceId: string
  #isKept: boolean

  constructor(span: Span, isQuiet: boolean) {
    this.span = span
    this.traceId = span.spanContext().traceId
    this.#isKept = !isQuiet
  }

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.span.spanContext()
    return writeTraceparent({ traceId, spanId, flags: traceFlags })
  }

  set(attributes: Attributes): void {
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined) this.span.setAttribute(name, value)
    }
  }

  fail(code: string): void {
    this.keep()
    this.span.setAttribute('error.type', code)
    this.span.setStatus({ code: SpanStatusCode.ERROR })
  }

  keep(): void {
    this.#isKept = true
  }

  end(): void {
    if (this.#isKept) this.span.end()
  }
}
