import { createHash, timingSafeEqual } from 'node:crypto'

/** Whether the header carries the token; takes as long whatever it carries. */
export function isBearer(authorization: string | null | undefined, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(authorization ?? ''), digest(`Bearer ${token}`))
}
