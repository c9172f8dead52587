import { expect, test } from 'vitest'
import { countTests, parseTestReport } from './test-report.ts'

const report = { numPassedTests: 5, numFailedTests: 2, numPendingTests: 1, numTodoTests: 1 }

test('the counts are those of the report', () => {
  expect(countTests(parseTestReport({ ...report, success: false }), 1)).toEqual({ passed: 5, failed: 2, skipped: 2 })
})

test('a run that failed without a failed test is not counted as clean', () => {
  const clean = { ...report, numFailedTests: 0 }
  expect(countTests(clean, 1).failed).toBe(1)
  expect(countTests(undefined, 1)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  expect(countTests(clean, 0).failed).toBe(0)
})

test('a report without a count is refused by name', () => {
  expect(() => parseTestReport({ numPassedTests: 1 })).toThrow('numFailedTests')
  expect(() => parseTestReport(null)).toThrow('numPassedTests')
})
