type Given<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> }
type Patch<Fields> = { [Name in keyof Fields]?: Fields[Name] | null | undefined }

/** The fields after a change: what it does not name stays, null takes a field away. */
export function patched<Fields extends object>(before: Fields, change: Patch<Fields>): Given<Fields> {
  const named = Object.entries(change).filter(([, value]) => value !== undefined)
  return held<Fields>({ ...before, ...Object.fromEntries(named) })
}

/** The fields that hold something. */
export function held<Fields extends object>(fields: Patch<Fields>): Given<Fields> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)
  return Object.fromEntries(entries) as Given<Fields> // the same fields, those that are absent left out
}

export function unixSeconds(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.floor(ms / 1000)
}
