import fs from 'node:fs'
import { registerHooks, syncBuiltinESMExports } from 'node:module'
import { fileURLToPath } from 'node:url'
import { MUTANTS, type Mutant } from './mutants.ts'

/**
 * Imported before anything else by a process that is to be built otherwise: what it reads of the changed files is what
 * the mutant makes of them. Throws where a change finds nothing to change, lest a mutant be the build itself.
 */
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const mutants: ReadonlyMap<string, Mutant> = new Map(Object.entries(MUTANTS))
const found = mutants.get(process.env.MUTANT ?? '')
if (!found) throw new Error(`There is no mutant called ${process.env.MUTANT}`)
const mutant = found

const { readFileSync } = fs
// The texts of this repository are read with an encoding, and answered as text.
fs.readFileSync = ((path: fs.PathOrFileDescriptor, options?: 'utf8') => {
  const name = nameOf(path)
  const made = name === undefined ? undefined : mutant.files?.[name]
  if (made !== undefined) return made
  const text = readFileSync(path, options)
  return name?.endsWith('.lua') ? changed(name, String(text)) : text
}) as typeof fs.readFileSync // the same but for those files
syncBuiltinESMExports()

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    const name = url.startsWith('file:') ? nameOf(new URL(url)) : undefined
    if (name === undefined || !mutant.changes.some(({ file }) => file === name)) return loaded
    return { ...loaded, source: changed(name, String(loaded.source)) }
  },
})

function changed(name: string, text: string): string {
  return mutant.changes
    .filter(({ file }) => file === name)
    .reduce((before, { finds, puts }) => {
      if (!before.includes(finds)) throw new Error(`${name} has changed; the mutant finds no "${finds}" in it`)
      return before.replace(finds, () => puts)
    }, text)
}

function nameOf(path: fs.PathOrFileDescriptor): string | undefined {
  const whole = path instanceof URL ? fileURLToPath(path) : String(path)
  return whole.startsWith(ROOT) ? whole.slice(ROOT.length) : undefined
}
