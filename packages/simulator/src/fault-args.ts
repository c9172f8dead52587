import type { Reply } from './reply.ts'

export type FaultArgs = Readonly<Record<string, string | number | boolean | undefined>>

export class BadFault extends Error {
  override readonly name = 'BadFault'
}

/** Reads arguments that come as text from a prompt or a header, or as values from a test. */
export class Args {
  readonly #values: FaultArgs

  constructor(values: FaultArgs) {
    this.#values = values
  }

  text(name: string): string | undefined
  text(name: string, otherwise: string): string
  text(name: string, otherwise?: string): string | undefined {
    const value = this.#values[name]
    return value === undefined ? otherwise : String(value)
  }

  choice<const T extends string>(name: string, choices: readonly T[]): T {
    const [first] = choices
    const value = this.text(name)
    const found = value === undefined ? first : choices.find((choice) => choice === value)
    if (found === undefined) throw new BadFault(`${name} must be one of ${choices.join(', ')}`)
    return found
  }

  number(name: string, otherwise: number): number {
    const value = this.#values[name]
    if (value === undefined) return otherwise
    const number = Number(value)
    if (!Number.isFinite(number)) throw new BadFault(`${name} must be a number`)
    return number
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.#values[name]
    return value === undefined ? otherwise : String(value) === 'true'
  }

  /** A count from 1, or `forever`. */
  count(name: string, otherwise: number | 'forever' = 1): number | 'forever' {
    return this.text(name) === 'forever'
      ? 'forever'
      : otherwise === 'forever'
        ? this.#orForever(name)
        : this.number(name, otherwise)
  }

  #orForever(name: string): number | 'forever' {
    return this.text(name) === undefined ? 'forever' : this.number(name, 1)
  }
}

const HTML = '<!doctype html><html><body><h1>Something went wrong</h1></body></html>'

export function htmlPage(): Pick<Reply, 'body' | 'contentType'> {
  return { body: HTML, contentType: 'text/html; charset=utf-8' }
}

const RETRY_AFTER: Readonly<Record<string, string>> = { garbage: 'soon', negative: '-5', huge: '999999999' }

/** `date` and `date+<seconds>` become an HTTP date when the answer is sent; other words go out as they are. */
export function retryAfterHeaders(args: Args): Pick<Reply, 'headers'> {
  const value = args.text('retryAfter', 'absent')
  if (value === 'absent') return {}
  return { headers: { 'retry-after': value === 'date' ? 'date+90' : (RETRY_AFTER[value] ?? value) } }
}

/** An error answer whose body is of the kind the argument `body` names. */
export function errorReply(args: Args, http: number, error: string, extra: object = {}): Reply {
  const kind = args.choice('body', ['error', 'message', 'empty', 'html'])
  const body =
    kind === 'html'
      ? htmlPage()
      : { body: kind === 'error' ? { error, ...extra } : kind === 'message' ? { message: error } : '' }
  return { http, ...body, ...retryAfterHeaders(args) }
}
