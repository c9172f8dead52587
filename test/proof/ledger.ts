import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'

/** Lines that are only ever added; kept in a file as well where one is named, written through before `add` returns. */
export class Ledger<T extends object> {
  readonly #lines: T[] = []
  readonly #file: number | undefined

  constructor(path?: string) {
    this.#file = path === undefined ? undefined : openSync(path, 'a')
  }

  add(line: T): void {
    this.#lines.push(Object.freeze(line))
    if (this.#file !== undefined) writeSync(this.#file, `${JSON.stringify(line)}\n`)
  }

  lines(): readonly T[] {
    return this.#lines
  }

  close(): void {
    if (this.#file === undefined) return
    fsyncSync(this.#file)
    closeSync(this.#file)
  }
}
