/** What stands between `{{` and `}}`: a pipeline, perhaps with variables that take its value. */
export type Pipeline = { names: string[]; isAssignment: boolean; commands: Operand[][] }
export type Operand =
  | { kind: 'value'; value: unknown }
  | { kind: 'function'; name: string }
  | { kind: 'path'; root: '.' | { variable: string } | { pipeline: Pipeline }; fields: string[] }
export type Node =
  | { kind: 'text'; text: string }
  | { kind: 'pipeline'; pipeline: Pipeline }
  | { kind: 'if' | 'with' | 'range'; pipeline: Pipeline; body: Node[]; otherwise: Node[] }
export type Templates = Map<string, Node[]>

type Action = { text: string } | { action: string }

const ACTION = /\{\{(- )?\s*(\/\*[\s\S]*?\*\/|(?:"(?:\\.|[^"\\])*"|[^"}]|\}(?!\}))*?)\s*( -)?\}\}/g

/**
 * Reads the part of Go's template language that our chart uses, and throws at everything else. `templates` takes the
 * file under `name` and each of its definitions.
 */
export function readTemplate(name: string, source: string, templates: Templates): void {
  const actions = actionsOf(source)
  const [body, end] = readBlock(name, actions, templates)
  if (end !== undefined) throw new Error(`${name}: {{ ${end} }} closes nothing`)
  templates.set(name, body)
}

function actionsOf(source: string): Action[] {
  const found: Action[] = []
  let at = 0
  let isTrimming = false
  const addText = (text: string, trimsEnd: boolean) => {
    const started = isTrimming ? text.trimStart() : text
    found.push({ text: trimsEnd ? started.trimEnd() : started })
  }
  for (const match of source.matchAll(ACTION)) {
    const [whole, before, action = '', after] = match
    addText(source.slice(at, match.index), before !== undefined)
    if (!action.startsWith('/*')) found.push({ action })
    isTrimming = after !== undefined
    at = match.index + whole.length
  }
  addText(source.slice(at), false)
  return found
}

/** Takes actions up to the one that ends the block: `end`, `else`, `else if …`, or nothing at the end of the file. */
function readBlock(name: string, actions: Action[], templates: Templates): [Node[], string | undefined] {
  const nodes: Node[] = []
  for (let next = actions.shift(); next; next = actions.shift()) {
    if ('text' in next) {
      nodes.push({ kind: 'text', text: next.text })
      continue
    }
    const [, word = '', rest = ''] = /^(define|if|with|range|else|end)\b\s*([\s\S]*)$/.exec(next.action) ?? []
    if (word === 'end' || word === 'else') return [nodes, next.action]
    if (word === 'define') {
      const [body, end] = readBlock(name, actions, templates)
      if (end !== 'end') throw new Error(`${name}: define ${rest} has no end`)
      templates.set(String(JSON.parse(rest)), body)
    } else if (word === 'if' || word === 'with' || word === 'range') {
      nodes.push(readBranch(name, word, rest, actions, templates))
    } else {
      nodes.push({ kind: 'pipeline', pipeline: readPipeline(next.action) })
    }
  }
  return [nodes, undefined]
}

function readBranch(
  name: string,
  kind: 'if' | 'with' | 'range',
  condition: string,
  actions: Action[],
  templates: Templates,
): Node {
  const [body, closing] = readBlock(name, actions, templates)
  const node = { kind, pipeline: readPipeline(condition), body }
  if (closing === 'end') return { ...node, otherwise: [] }
  const [, chained] = /^else if\s+([\s\S]+)$/.exec(closing ?? '') ?? []
  if (chained) return { ...node, otherwise: [readBranch(name, 'if', chained, actions, templates)] }
  if (closing !== 'else') throw new Error(`${name}: {{ ${kind} ${condition} }} has no end`)
  const [otherwise, end] = readBlock(name, actions, templates)
  if (end !== 'end') throw new Error(`${name}: the else of {{ ${kind} ${condition} }} has no end`)
  return { ...node, otherwise }
}

const TOKEN = /(\s+)|("(?:\\.|[^"\\])*")|(-?\d+(?:\.\d+)?)|(\$\w*)|(\.\w+)|(\w+)|(:=|[=,|().])/y

/** A token with the space before it, if any: `.a.b` is one path, `.a .b` are two. */
type Token = { text: string; isApart: boolean }

function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  let isApart = true
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < source.length) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(source)
    if (!match) throw new Error(`{{ ${source} }}: cannot be read from "${source.slice(at)}" on`)
    if (match[1] === undefined) tokens.push({ text: match[0], isApart })
    isApart = match[1] !== undefined
  }
  return tokens
}

function readPipeline(source: string): Pipeline {
  const tokens = tokensOf(source)
  const [, list = '', sign] = /^((?:\$\w+\s*,\s*)?\$\w+)\s*(:=|=)/.exec(source) ?? []
  const names = list === '' ? [] : list.split(',').map((name) => name.trim())
  if (names.length > 0) tokens.splice(0, 2 * names.length)
  const pipeline = { names, isAssignment: sign === '=', commands: readCommands(tokens) }
  if (tokens.length > 0) throw new Error(`{{ ${source} }}: "${tokens[0]?.text}" is one too many`)
  return pipeline
}

function readCommands(tokens: Token[]): Operand[][] {
  const commands: Operand[][] = [[]]
  while (tokens[0] && tokens[0].text !== ')') {
    const { text } = tokens.shift() ?? { text: '' }
    if (text === '|') commands.push([])
    else commands.at(-1)?.push(readOperand(text, tokens))
  }
  return commands
}

function readOperand(text: string, tokens: Token[]): Operand {
  if (text.startsWith('"')) return { kind: 'value', value: JSON.parse(text) }
  if (/^-?\d/.test(text)) return { kind: 'value', value: Number(text) }
  if (text === 'true' || text === 'false') return { kind: 'value', value: text === 'true' }
  if (text === '(') {
    const pipeline = { names: [], isAssignment: false, commands: readCommands(tokens) }
    if (tokens.shift()?.text !== ')') throw new Error('a parenthesis is not closed')
    return { kind: 'path', root: { pipeline }, fields: readFields(tokens) }
  }
  if (text.startsWith('$')) return { kind: 'path', root: { variable: text }, fields: readFields(tokens) }
  if (text === '.') return { kind: 'path', root: '.', fields: [] }
  if (text.startsWith('.')) return { kind: 'path', root: '.', fields: [text.slice(1), ...readFields(tokens)] }
  if (/^[a-zA-Z]\w*$/.test(text)) return { kind: 'function', name: text }
  throw new Error(`"${text}" is not expected here`)
}

function readFields(tokens: Token[]): string[] {
  const fields: string[] = []
  while (tokens[0]?.text.startsWith('.') && !tokens[0].isApart) fields.push(tokens.shift()?.text.slice(1) ?? '')
  return fields
}
