import { hash } from 'node:crypto'
import type { OpenapiDocument, Operation } from './openapi.ts'

const STYLE = `
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:60rem;margin:2rem auto;padding:0 1rem}
section{margin:2.5rem 0}
h3{margin:0 0 .25rem;font-size:1.05rem}
code,pre{font:0.9em/1.45 ui-monospace,monospace}
pre{overflow:auto;padding:.75rem;border:1px solid #8886;border-radius:.4rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{border-bottom:1px solid #8884;padding:.3rem .5rem;text-align:left;vertical-align:top}
nav a{margin-right:1rem}
.method{display:inline-block;min-width:4.5rem;font-weight:700}
`

/** The document as one page: no script, nothing from elsewhere, and a policy that lets nothing else in. */
export function docsPage(document: OpenapiDocument): { html: string; headers: Record<string, string> } {
  const { info, paths, servers, components } = document
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))]
  const sections = tags.map((tag) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(tag))
    return `<h2 id="${escapeHtml(tag)}">${escapeHtml(tag)}</h2>${own.map(renderOperation).join('')}`
  })
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(info.title)}</title>
<style>${STYLE}</style></head><body>
<h1>${escapeHtml(info.title)}</h1><p>${escapeHtml(info.description)}</p>
<p>Base URL: <code>${escapeHtml(servers[0]?.url ?? '')}</code>. The same as <a href="/openapi.json">OpenAPI 3.1</a>.</p>
<nav>${[...tags, 'Schemas'].map((tag) => `<a href="#${escapeHtml(tag)}">${escapeHtml(tag)}</a>`).join('')}</nav>
${sections.join('\n')}
<h2 id="Schemas">Schemas</h2>
${Object.entries(components.schemas).map(renderSchema).join('')}
</body></html>
`
  const policy = `default-src 'none'; style-src 'sha256-${hash('sha256', STYLE, 'base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`
  return { html, headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy } }
}

function renderOperation({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const { summary, parameters, requestBody, responses, security } = operation
  const rows = parameters.map(
    ({ name, in: where, description, schema }) =>
      `<tr><td><code>${escapeHtml(name)}</code></td><td>${where}</td><td>${escapeHtml(description ?? String(schema.description ?? ''))}</td></tr>`,
  )
  const contents = Object.entries(requestBody?.content ?? {})
  const body =
    contents[0] &&
    `<details><summary>Body: ${contents.map(([type]) => escapeHtml(type)).join(' or ')}</summary>${code(contents[0][1].schema)}</details>`
  const answers = Object.entries(responses).map(([status, { description, content = {} }]) => {
    const [first] = Object.entries(content)
    const schema = first && Object.keys(first[1].schema).length > 0 ? code(first[1].schema) : ''
    const line = `<strong>${escapeHtml(status)}</strong> ${escapeHtml(description)}${first ? ` <code>${escapeHtml(first[0])}</code>` : ''}`
    return schema ? `<details><summary>${line}</summary>${schema}</details>` : `<p>${line}</p>`
  })
  return `<section><h3><span class="method">${method.toUpperCase()}</span><code>${escapeHtml(path)}</code></h3>
<p>${escapeHtml(summary)}${security ? '' : ' (no API key needed)'}</p>
${rows.length > 0 ? `<table><tr><th>Parameter</th><th>In</th><th></th></tr>${rows.join('')}</table>` : ''}
${body ?? ''}${answers.join('')}</section>`
}

function renderSchema([name, schema]: [string, unknown]): string {
  return `<details id="${escapeHtml(name)}"><summary>${escapeHtml(name)}</summary>${code(schema)}</details>`
}

/** A schema in full, or a link to where it stands. */
function code(value: unknown): string {
  const ref =
    typeof value === 'object' && value !== null && '$ref' in value ? String(value.$ref).split('/').at(-1) : undefined
  if (ref !== undefined) return `<p><a href="#${escapeHtml(ref)}">${escapeHtml(ref)}</a></p>`
  return `<pre>${escapeHtml(JSON.stringify(value, null, 2))}</pre>`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
