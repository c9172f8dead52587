import { ErrorBody, readJson } from './wire.ts'

/** `summary` is the sentence about the whole request, `message` the best account of what is wrong. */
export type VendorError = { code: string | undefined; summary: string; message: string }

/** What an error answer says, in any of the shapes it comes in. */
export function readVendorError({ status, text }: { status: number; text: string }): VendorError {
  const body = readJson(text, ErrorBody)
  const plain = body || /^\s*</.test(text) ? '' : text.slice(0, 300).trim()
  const summary = body?.error || body?.message || plain || `HTTP ${status}`
  // Issues name the parameter; the sentence above them only says that there are some.
  const issues = (body?.issues ?? []).map(({ path = [], message, code }) => [path.join('.'), message ?? code])
  const said = issues.map((parts) => parts.filter(Boolean).join(': ')).filter(Boolean)
  return { code: body?.code, summary, message: said.join('; ') || summary }
}
