export type TestReport = {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
}

/** Reads the counts of vitest's JSON report, or throws naming the one that is missing. */
export function parseTestReport(json: unknown): TestReport {
  const count = (name: keyof TestReport): number => {
    const value = json instanceof Object ? Reflect.get(json, name) : undefined
    if (typeof value !== 'number') throw new Error(`The test report has no ${name}`)
    return value
  }
  return {
    numPassedTests: count('numPassedTests'),
    numFailedTests: count('numFailedTests'),
    numPendingTests: count('numPendingTests'),
    numTodoTests: count('numTodoTests'),
  }
}

/** A file that cannot be loaded, an unhandled error or a missing report fails the run without failing a test: it counts. */
export function countTests(report: TestReport | undefined, exitCode: number) {
  const failed = report?.numFailedTests ?? 0
  return {
    passed: report?.numPassedTests ?? 0,
    failed: exitCode === 0 ? failed : Math.max(failed, 1),
    skipped: (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0),
  }
}
