import type { Node, Operand, Pipeline, Templates } from './go-template.ts'
import { isTrue, type TemplateFunctions, textOf } from './template-functions.ts'

type Variables = Map<string, unknown>
/** Scopes from the innermost out. */
type Frame = { dot: unknown; scopes: Variables[] }

/** Runs templates as Go does, and throws where Helm would write something nobody means, such as `<no value>`. */
export class TemplateRun {
  readonly #templates: Templates
  readonly #functions: TemplateFunctions

  constructor(templates: Templates, functions: TemplateFunctions) {
    this.#templates = templates
    this.#functions = { ...functions, include: (name, context) => this.run(textOf(name), context) }
  }

  run(name: string, context: unknown): string {
    const nodes = this.#templates.get(name)
    if (!nodes) throw new Error(`there is no template "${name}"`)
    return this.#nodes(nodes, { dot: context, scopes: [new Map([['$', context]])] })
  }

  #nodes(nodes: readonly Node[], frame: Frame): string {
    return nodes.map((node) => this.#node(node, frame)).join('')
  }

  #node(node: Node, frame: Frame): string {
    if (node.kind === 'text') return node.text
    if (node.kind === 'pipeline') {
      const value = this.#pipeline(node.pipeline, frame)
      if (node.pipeline.names.length === 0) return textOf(value)
      this.#set(node.pipeline, value, frame)
      return ''
    }
    const value = this.#pipeline(node.pipeline, frame)
    if (node.kind === 'range') return this.#range(node, value, frame)
    const inner = {
      dot: node.kind === 'with' && isTrue(value) ? value : frame.dot,
      scopes: [new Map(), ...frame.scopes],
    }
    this.#set(node.pipeline, value, inner)
    return this.#nodes(isTrue(value) ? node.body : node.otherwise, inner)
  }

  #range(node: Extract<Node, { kind: 'if' | 'with' | 'range' }>, value: unknown, frame: Frame): string {
    const entries = entriesOf(value)
    if (entries.length === 0) return this.#nodes(node.otherwise, { ...frame, scopes: [new Map(), ...frame.scopes] })
    const [first, second] = node.pipeline.names
    return entries
      .map(([key, item]) => {
        const variables: Variables = new Map()
        if (first) variables.set(first, second ? key : item)
        if (second) variables.set(second, item)
        return this.#nodes(node.body, { dot: item, scopes: [variables, ...frame.scopes] })
      })
      .join('')
  }

  #set({ names: [name], isAssignment }: Pipeline, value: unknown, { scopes }: Frame): void {
    if (!name) return
    const scope = isAssignment ? scopes.find((candidate) => candidate.has(name)) : scopes[0]
    if (!scope) throw new Error(`${name} is not declared`)
    scope.set(name, value)
  }

  #pipeline(pipeline: Pipeline, frame: Frame): unknown {
    let piped: unknown[] = []
    for (const [head, ...rest] of pipeline.commands) {
      if (!head) throw new Error('a pipeline has an empty command')
      if (head.kind === 'function') {
        const call = this.#functions[head.name]
        if (!call) throw new Error(`there is no function "${head.name}"; teach it to template-functions.ts`)
        piped = [call(...rest.map((operand) => this.#operand(operand, frame)), ...piped)]
      } else {
        if (rest.length > 0 || piped.length > 0) throw new Error('a value is not a function and takes no arguments')
        piped = [this.#operand(head, frame)]
      }
    }
    return piped[0]
  }

  #operand(operand: Operand, frame: Frame): unknown {
    if (operand.kind === 'value') return operand.value
    if (operand.kind === 'function') return this.#functions[operand.name]?.()
    const { root, fields } = operand
    let value =
      root === '.'
        ? frame.dot
        : 'variable' in root
          ? variableOf(root.variable, frame)
          : this.#pipeline(root.pipeline, frame)
    for (const field of fields) {
      if (value === null || typeof value !== 'object')
        throw new Error(`.${field} is asked of something that has no fields`)
      value = new Map<string, unknown>(Object.entries(value)).get(field)
    }
    return value
  }
}

function variableOf(name: string, { scopes }: Frame): unknown {
  const scope = scopes.find((candidate) => candidate.has(name))
  if (!scope) throw new Error(`${name} is not declared`)
  return scope.get(name)
}

/** Go ranges over the keys of a map in their order. */
function entriesOf(value: unknown): [unknown, unknown][] {
  if (Array.isArray(value)) return [...value.entries()]
  if (value === undefined || value === null) return []
  if (typeof value !== 'object') throw new Error('range needs a list or a map')
  return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
}
