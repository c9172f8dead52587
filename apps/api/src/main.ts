import { createLog } from '@genqueue/log'
import { ConfigError, parseConfig } from './config.ts'
import { startApi } from './server.ts'

function configOrExit() {
  try {
    return parseConfig(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    process.exit(1)
  }
}

const config = configOrExit()
const { log, close: closeLog } = createLog({ service: 'genqueue-api', level: config.logLevel })
const api = await startApi(config, log).catch((err: unknown) => {
  log.fatal({ err }, 'the API did not start')
  closeLog()
  process.exit(1)
})

let isEnding = false
const end = async (signal: NodeJS.Signals) => {
  if (isEnding) process.exit(1)
  isEnding = true
  log.info({ signal }, 'ending')
  await api.close()
  closeLog()
  process.exit(0)
}
process.on('SIGTERM', end)
process.on('SIGINT', end)
