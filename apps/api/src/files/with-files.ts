import { FileId, ProblemError } from '@genqueue/contract'
import type { StoredInput } from '@genqueue/jobs'
import { isProse } from '../accept/caller-urls.ts'
import { paramOf } from '../invalid-request.ts'
import type { StoredFiles } from './stored-files.ts'

/** A request that names more is not one of a vendor's, and each costs a look. */
const MAX_FILES = 50

type Found = { inputs: readonly StoredInput[]; placeOf: ReadonlyMap<string, { $input: number }> }

/**
 * The request with every text that is exactly a file's id replaced by the place of that file among the inputs. A file
 * that is not the team's is not found.
 */
export async function withFiles(
  value: unknown,
  inputs: readonly StoredInput[],
  team: string,
  files: Pick<StoredFiles, 'get'>,
): Promise<{ value: unknown; inputs: readonly StoredInput[] }> {
  const wanted = new Map<string, string | undefined>()
  collect(value, [], wanted)
  if (wanted.size === 0) return { value, inputs }
  if (wanted.size > MAX_FILES) {
    throw new ProblemError('invalid_request', `A request may name at most ${MAX_FILES} files`)
  }
  const found = await lookUp(wanted, inputs, team, files)
  return { value: replace(value, found.placeOf), inputs: found.inputs }
}

/** Where in the request each id stands first. */
function collect(value: unknown, path: string[], wanted: Map<string, string | undefined>): void {
  if (typeof value === 'string') {
    if (value.startsWith('file_') && FileId.safeParse(value).success && !wanted.has(value)) {
      wanted.set(value, paramOf(path))
    }
    return
  }
  if (typeof value !== 'object' || value === null) return
  for (const [key, item] of Object.entries(value)) {
    if (isProse(key)) continue
    path.push(key)
    collect(item, path, wanted)
    path.pop()
  }
}

async function lookUp(
  wanted: ReadonlyMap<string, string | undefined>,
  inputs: readonly StoredInput[],
  team: string,
  files: Pick<StoredFiles, 'get'>,
): Promise<Found> {
  const all = [...inputs]
  const placeOf = new Map<string, { $input: number }>()
  for (const [id, param] of wanted) {
    const file = await files.get(id, team)
    if (!file) throw new ProblemError('not_found', 'There is no file with this id', { param })
    const { key, bytes, sha256, contentType, filename } = file
    placeOf.set(id, { $input: all.length })
    all.push({ key, bytes, sha256, contentType, filename, kept: true })
  }
  return { inputs: all, placeOf }
}

function replace(value: unknown, placeOf: Found['placeOf']): unknown {
  if (typeof value === 'string') return placeOf.get(value) ?? value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => replace(item, placeOf))
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, isProse(key) ? item : replace(item, placeOf)]),
  )
}
