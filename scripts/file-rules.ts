import { basename } from 'node:path'

const MAX_LINES = 300
const FORBIDDEN = /^(utils?|helpers?|common|types|interfaces|misc|shared)\.[a-z]+$/
const KEBAB_CASE = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+$/

/** What the style guide says about files as such: length and names. */
export function fileProblems(path: string, text: string): string[] {
  const name = basename(path)
  const lines = text.split('\n').length - 1
  return [
    ...(lines > MAX_LINES ? [`${path} has ${lines} lines; split it below ${MAX_LINES}`] : []),
    ...(FORBIDDEN.test(name) ? [`${path}: name the file after what it exports first`] : []),
    ...(KEBAB_CASE.test(name) ? [] : [`${path}: file names are kebab-case`]),
  ]
}
