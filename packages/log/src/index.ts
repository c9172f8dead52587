export { createLog, type OpenLog } from './create-log.ts'
export { describeError } from './describe-error.ts'
