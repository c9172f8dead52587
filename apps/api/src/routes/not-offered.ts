/** Routes of OpenAI's API that no provider has an answer to, and what to do instead. */
const NOT_OFFERED = [
  { call: /^POST \/v1\/videos\/[^/]+\/remix$/, instead: 'Videos cannot be remixed; make a new one with video_uri' },
  { call: /^POST \/v1\/videos\/edits$/, instead: 'Videos cannot be edited; make a new one with video_uri' },
  { call: /^POST \/v1\/videos\/extensions$/, instead: 'Videos cannot be extended; make a new one with video_uri' },
  { call: /^(POST|GET) \/v1\/videos\/characters(\/|$)/, instead: 'There are no characters; give reference_images' },
  { call: /^POST \/v1\/images\/variations$/, instead: 'There are no variations; use /v1/images/edits' },
]

/** Not routes, because one fixed name beside `/v1/videos/:id` takes the fast router from all of them. */
export function insteadOf(method: string, path: string): string | undefined {
  const call = `${method} ${path}`
  return NOT_OFFERED.find((each) => each.call.test(call))?.instead
}
