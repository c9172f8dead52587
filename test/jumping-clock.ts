/** Imported ahead of a program, lets its parent put its wall clock wrong; timers go on as they were. */
let offsetMs = 0
const RealDate = Date

class JumpingDate extends RealDate {
  constructor(...args: [] | [number | string]) {
    if (args.length === 0) super(RealDate.now() + offsetMs)
    else super(args[0])
  }

  static override now(): number {
    return RealDate.now() + offsetMs
  }
}

globalThis.Date = JumpingDate as DateConstructor // all that is used of it

process.on('message', (message) => {
  if (typeof message === 'object' && message !== null && 'offsetMs' in message) offsetMs = Number(message.offsetMs)
})
