import { directivesIn, scriptFromHeader } from './directives.ts'
import { mergeScripts, type Script, timesOf } from './script.ts'

export interface CreateAttempt {
  readonly endpoint: string
  readonly model: string
  readonly prompt: string
  readonly header: string | undefined
}

interface Queued {
  readonly script: Script
  left: number
}

/** Decides which script a request plays: a queued one, what the prompt asks for, what a header asks for, the profile. */
export class ScriptBook {
  readonly #profile: Script
  #queue: Queued[] = []
  /** How often a directive with limited times was used, by prompt. */
  readonly #used = new Map<string, number>()
  #creates = 0
  readonly #createsByEndpoint = new Map<string, number>()

  constructor(profile: Script) {
    this.#profile = profile
  }

  push(script: Script): void {
    this.#queue.push({ script, left: timesOf(script, 1) })
  }

  clear(): void {
    this.#queue = []
    this.#used.clear()
    this.#creates = 0
    this.#createsByEndpoint.clear()
  }

  /** Throws BadFault when the prompt or the header asks for something that does not exist. */
  forCreate(attempt: CreateAttempt): Script {
    this.#creates += 1
    const ordinal = (this.#createsByEndpoint.get(attempt.endpoint) ?? 0) + 1
    this.#createsByEndpoint.set(attempt.endpoint, ordinal)
    const queued = this.#take((script) => isForTasks(script) && this.#fits(script, attempt, ordinal))
    if (queued) return queued
    const asked = directivesIn(attempt.prompt)
      .filter(({ text, script }) => this.#hasTimesLeft(`${text} ${attempt.prompt}`, script))
      .map(({ script }) => script)
    if (asked.length > 0) return mergeScripts(asked)
    if (attempt.header !== undefined) {
      const script = scriptFromHeader(attempt.header)
      if (this.#hasTimesLeft(`${attempt.header} ${attempt.prompt}`, script)) return script
    }
    return this.#profile
  }

  forUpload(): Script {
    return this.#take((script) => script.upload !== undefined) ?? this.#profile
  }

  forOrganization(): Script {
    return this.#take((script) => script.organization !== undefined) ?? this.#profile
  }

  #take(fits: (script: Script) => boolean): Script | undefined {
    const hit = this.#queue.find(({ script }) => fits(script))
    if (!hit) return undefined
    hit.left -= 1
    if (hit.left <= 0) this.#queue = this.#queue.filter((queued) => queued !== hit)
    return hit.script
  }

  #fits({ match }: Script, attempt: CreateAttempt, ordinalAtEndpoint: number): boolean {
    if (!match) return true
    const ordinal = match.endpoint === undefined ? this.#creates : ordinalAtEndpoint
    return (
      (match.endpoint === undefined || match.endpoint === attempt.endpoint) &&
      (match.model === undefined || match.model === attempt.model) &&
      (match.promptIncludes === undefined || attempt.prompt.includes(match.promptIncludes)) &&
      (match.ordinal === undefined || match.ordinal === ordinal)
    )
  }

  #hasTimesLeft(name: string, script: Script): boolean {
    const times = timesOf(script, Number.POSITIVE_INFINITY)
    if (times === Number.POSITIVE_INFINITY) return true
    const used = this.#used.get(name) ?? 0
    this.#used.set(name, used + 1)
    return used < times
  }
}

/** Scripts for uploads and the organization wait for those calls and let creates pass. */
function isForTasks(script: Script): boolean {
  return script.upload === undefined && script.organization === undefined
}
