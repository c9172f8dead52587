export { createApp } from './app.ts'
export type { AppDeps } from './app-deps.ts'
export { type ApiConfig, ConfigError, parseConfig } from './config.ts'
export { type RunningApi, startApi } from './server.ts'
