import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SKIPPED: ReadonlySet<string> = new Set(['node_modules', '.git', '.data', '.turbo', 'coverage', 'dist'])

/** Every source file of the repository, by its path from the root. */
export async function sourceFiles(folder = ROOT): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const found = entries.map(async (entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : sourceFiles(path)
    return /\.(ts|tsx|mjs|cjs|js|lua)$/.test(entry.name) ? [relative(ROOT, path)] : []
  })
  return (await Promise.all(found)).flat().sort()
}
