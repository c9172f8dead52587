/** How much of a request's body is taken. Beyond any of these it is refused, and nothing of it stays. */
export type IntakeLimits = {
  /** What remains of JSON, or of a form's text, once long data URIs were taken out. */
  readonly maxJsonBytes: number
  /** Everything that arrives, files included. */
  readonly maxBodyBytes: number
  readonly maxDataUriChars: number
  /** Data URIs up to here stay in the value; longer ones go to storage. */
  readonly inlineDataUriChars: number
  readonly maxFileBytes: number
  /** Files and stored data URIs together. */
  readonly maxFiles: number
  readonly maxDepth: number
  readonly maxKeys: number
  readonly maxArray: number
  readonly maxStringChars: number
  /** Longest silence of the sender. */
  readonly idleTimeoutMs: number
  /** Longest time for a whole body, however steadily it trickles. */
  readonly totalTimeoutMs: number
}

export const DEFAULT_INTAKE_LIMITS: IntakeLimits = {
  maxJsonBytes: 262_144,
  maxBodyBytes: 536_870_912,
  maxDataUriChars: 20_971_520,
  inlineDataUriChars: 4096,
  maxFileBytes: 209_715_200,
  maxFiles: 10,
  maxDepth: 32,
  maxKeys: 1000,
  maxArray: 10_000,
  // The longest prompt has 32,000 characters.
  maxStringChars: 32_768,
  idleTimeoutMs: 30_000,
  totalTimeoutMs: 600_000,
}
