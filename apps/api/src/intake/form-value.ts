import { ProblemError } from '@genqueue/contract'
import type { InputPlace } from '@genqueue/providers'
import { checkKey } from './param-path.ts'

/** A leaf of a form: text, or a file that went to storage. */
export type FormLeaf = string | InputPlace
type FormList = FormNode[]
type FormMap = { [key: string]: FormNode }
type FormNode = FormLeaf | FormList | FormMap

const NAME = /^([^[\]]+)((?:\[[^[\]]*\])*)$/

/** `references[][uri]` as `references`, '' and `uri`; '' is "the next item". Hazardous names are refused. */
export function parseFieldName(name: string, maxDepth: number): string[] {
  const [, first, brackets] = NAME.exec(name) ?? []
  if (first === undefined || brackets === undefined) {
    throw refuse(name, 'is not spelled like name, name[key] or name[]')
  }
  const path = [first, ...Array.from(brackets.matchAll(/\[([^\]]*)\]/g), ([, key]) => key ?? '')]
  if (path.length > maxDepth)
    throw new ProblemError('json_too_deep', `A parameter is nested deeper than ${maxDepth} levels.`)
  for (const [index, key] of path.entries()) checkKey(key, path[index - 1], () => name.slice(0, 200))
  return path
}

/**
 * Puts a leaf where its name says. Lists of objects come as parallel fields (`list[][a]`, `list[][b]`), so a field
 * that the last item already has begins the next item; items that share no field cannot be told apart on this wire.
 */
export function setFormValue(root: FormMap, path: readonly string[], leaf: FormLeaf, name: string): void {
  let holder: FormMap | FormList = root
  for (const [index, key] of path.entries()) {
    const rest = path.slice(index + 1)
    if (Array.isArray(holder) !== (key === '')) throw refuse(name, 'is used both as a list and as an object')
    const existing: FormNode | undefined = Array.isArray(holder)
      ? itemWithRoom(holder, rest)
      : Object.hasOwn(holder, key)
        ? holder[key]
        : undefined
    if (rest.length > 0 && existing !== undefined) {
      if (!isContainer(existing)) throw refuse(name, 'is used both as a value and as an object')
      holder = existing
      continue
    }
    if (existing !== undefined) throw refuse(name, 'is given more than once')
    const created: FormNode = rest.length === 0 ? leaf : rest[0] === '' ? [] : {}
    if (Array.isArray(holder)) holder.push(created)
    else holder[key] = created
    if (isContainer(created)) holder = created
  }
}

/** The last item of a list, if the field can still go into it. */
function itemWithRoom(list: FormList, rest: readonly string[]): FormNode | undefined {
  let node: FormNode | undefined = list.at(-1)
  if (rest.length === 0 || node === undefined || !isContainer(node)) return undefined
  for (const key of rest) {
    if (node === undefined || !isContainer(node) || Array.isArray(node)) return list.at(-1)
    if (!Object.hasOwn(node, key)) return list.at(-1)
    node = node[key]
  }
  return undefined
}

function isContainer(node: FormNode): node is FormMap | FormList {
  return typeof node === 'object' && !('$input' in node)
}

function refuse(name: string, why: string): ProblemError {
  const param = name.slice(0, 200)
  return new ProblemError('invalid_request', `The parameter ${param} ${why}.`, { param })
}
