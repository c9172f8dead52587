/** Few, short, and never a prompt, a secret, or an address with a query. Undefined ones are left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

export type StepOptions = {
  /** `client`: a request to others; `producer`: leaves work for later; `consumer`: does such work. */
  kind: 'server' | 'client' | 'producer' | 'consumer' | 'internal'
  /**
   * `traceparent` of the step that this one belongs to, made by somebody else or long ago. Without it, or where the step
   * around this one is of the same trace, it belongs to that one; and begins a trace where there is none.
   */
  parent?: string | undefined
  /** Told of only if something happens in it: another step, a failure, or `keep`. */
  isQuiet?: boolean
  /** When it began, if that was before now. */
  startedAtMs?: number | undefined
  attributes: Attributes
}

/** One thing that was done, and for how long: a span. */
export type Step = {
  readonly traceId: string
  /** By which others can say that theirs belongs to this one. */
  readonly traceparent: string
  set(attributes: Attributes): void
  /** By a stable code, never by a message. */
  fail(code: string): void
  keep(): void
}

/** What is told to whom collects traces. Where tracing is off there is none of these, and nothing is asked of anybody. */
export type Tracing = {
  /** Runs something as a step; what it throws marks the step as failed. */
  step<Value>(name: string, options: StepOptions, run: (step: Step) => Promise<Value>): Promise<Value>
  /** A step that the caller ends. It is around nothing. */
  begin(name: string, options: StepOptions): Step & { end(): void }
  /** Whether there is a step around whoever asks. */
  readonly isWithin: boolean
  /** Sends what is left, for a moment only: a collector that is away holds nobody up. */
  close(): Promise<void>
}
