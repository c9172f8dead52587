import { Child, type ChildOptions } from './child.ts'
import { type Appendfsync, openStand, type Stand } from './stand.ts'

/** What a measurement opens; all of it is closed at its end, in reverse order. */
export type Scope = {
  stand(options?: { appendfsync?: Appendfsync }): Promise<Stand>
  child(options: ChildOptions): Child
  onEnd(close: () => Promise<unknown>): void
}

export async function scoped<Value>(work: (scope: Scope) => Promise<Value>): Promise<Value> {
  const closers: (() => Promise<unknown>)[] = []
  const scope: Scope = {
    async stand(options) {
      const stand = await openStand(options)
      closers.push(() => stand.stop())
      return stand
    },
    child(options) {
      const child = new Child(options)
      closers.push(() => child.end())
      return child
    },
    onEnd: (close) => void closers.push(close),
  }
  try {
    return await work(scope)
  } finally {
    for (const close of closers.reverse()) await close()
  }
}
