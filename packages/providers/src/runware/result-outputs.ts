import { textDataUrl } from '../data-url.ts'
import type { OutputDetail } from '../provider.ts'
import type { Result } from './wire.ts'

/** `key` is the same for the same file, however often and wherever it is told. */
export type ResultOutput = { key: string; url: string; detail: OutputDetail }

// `guideImageURL`, `imageDataURI`, `audioBase64Data`: every kind of work names its files in its own way.
const FILE_FIELD = /^(\w*?)(URL|DataURI|Base64Data)$/
/** Addresses that come back from the request, or show something else than the result. */
const NOT_A_RESULT = /^(input|webhook|upload|documentation|preview|thumbnail)/i

/** The files and the text of one result; none for a result without any. */
export function resultOutputs(result: Result): ResultOutput[] {
  const { seed, text, outputs } = result
  const found: ResultOutput[] = []
  const add = (url: string, id?: unknown) => {
    const known = typeof id === 'string' && id !== '' ? id : undefined
    const detail = { ...(known && { id: known }), ...(seed !== undefined && { seed }) }
    found.push({ key: known ?? url, url, detail })
  }
  const told = new Set<string>()
  for (const [field, value] of Object.entries(result)) {
    const [, stem, form] = FILE_FIELD.exec(field) ?? []
    if (!stem || NOT_A_RESULT.test(stem) || typeof value !== 'string' || told.has(stem)) continue
    const url = form === 'Base64Data' ? `data:application/octet-stream;base64,${value}` : value
    if (value === '' || !/^(https?|data):/i.test(url)) continue
    told.add(stem)
    add(url, result[`${stem}UUID`])
  }
  for (const { url, uuid } of outputs?.files ?? []) {
    if (url && /^https?:/i.test(url)) add(url, uuid)
  }
  if (found.length === 0 && text) found.push({ key: '', url: textDataUrl(text), detail: {} })
  return found
}
