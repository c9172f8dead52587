import { faultCallsIn } from '../directives.ts'
import { runwareFaultScript } from './faults.ts'
import { type ConnectionStep, mergeRunwareScripts, type RunwareScript } from './script.ts'

export interface TaskAttempt {
  readonly taskType: string
  readonly model: string
  readonly prompt: string
  /** Whether the task generates anything: others play only scripts that name their type. */
  readonly isGeneration: boolean
}

interface Queued {
  readonly script: RunwareScript
  left: number
}

/** Decides which script a task plays: a queued one, what the prompt asks for, the profile. */
export class RunwareScriptBook {
  readonly #profile: RunwareScript
  #queue: Queued[] = []
  /** How often a directive with limited times was used, by prompt. */
  readonly #used = new Map<string, number>()
  #tasks = 0
  readonly #tasksByType = new Map<string, number>()

  constructor(profile: RunwareScript) {
    this.#profile = profile
  }

  push(script: RunwareScript): void {
    const { times = 1 } = script
    this.#queue.push({ script, left: times === 'forever' ? Number.POSITIVE_INFINITY : times })
  }

  clear(): void {
    this.#queue = []
    this.#used.clear()
    this.#tasks = 0
    this.#tasksByType.clear()
  }

  /** Throws BadFault when the prompt asks for something that does not exist. */
  forTask(attempt: TaskAttempt): RunwareScript {
    this.#tasks += 1
    const ordinal = (this.#tasksByType.get(attempt.taskType) ?? 0) + 1
    this.#tasksByType.set(attempt.taskType, ordinal)
    const queued = this.#take((script) => !script.connection && !script.account && this.#fits(script, attempt, ordinal))
    if (queued) return queued
    if (!attempt.isGeneration) return {}
    const asked = faultCallsIn(attempt.prompt)
      .map(({ text, id, args }) => ({ text, script: runwareFaultScript(id, args) }))
      .filter(({ text, script }) => this.#hasTimesLeft(`${text} ${attempt.prompt}`, script))
    return asked.length > 0 ? mergeRunwareScripts(asked.map(({ script }) => script)) : this.#profile
  }

  forConnection(): ConnectionStep {
    return this.#take((script) => script.connection !== undefined)?.connection ?? {}
  }

  forAccount(): { readonly balance?: number | undefined } {
    return this.#take((script) => script.account !== undefined)?.account ?? {}
  }

  #take(fits: (script: RunwareScript) => boolean): RunwareScript | undefined {
    if (this.#queue.length === 0) return undefined
    const hit = this.#queue.find(({ script }) => fits(script))
    if (!hit) return undefined
    hit.left -= 1
    if (hit.left <= 0) this.#queue = this.#queue.filter((queued) => queued !== hit)
    return hit.script
  }

  #fits({ match }: RunwareScript, attempt: TaskAttempt, ordinalOfType: number): boolean {
    if (!attempt.isGeneration && match?.taskType !== attempt.taskType) return false
    if (!match) return true
    const ordinal = match.taskType === undefined ? this.#tasks : ordinalOfType
    return (
      (match.taskType === undefined || match.taskType === attempt.taskType) &&
      (match.model === undefined || match.model === attempt.model) &&
      (match.promptIncludes === undefined || attempt.prompt.includes(match.promptIncludes)) &&
      (match.ordinal === undefined || match.ordinal === ordinal)
    )
  }

  #hasTimesLeft(name: string, { times = 'forever' }: RunwareScript): boolean {
    if (times === 'forever') return true
    const used = this.#used.get(name) ?? 0
    this.#used.set(name, used + 1)
    return used < times
  }
}
