import { defineConfig } from 'vitest/config'
import suite from './vitest.config.ts'

/** What takes longer than the suite may: Redis, its network and whole processes fail for many seconds. */
const { exclude: _, ...shared } = suite.test ?? {}

export default defineConfig({ test: { ...shared, include: ['test/long/**/*.test.ts'], testTimeout: 60_000 } })
