/** How long and how hard a part works. */
export type Context = {
  isQuick: boolean
  /** Tells whoever watches what is being measured. */
  say(text: string): void
}
