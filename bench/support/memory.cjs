// Loaded into a measured program: writes the most memory that it had resident, in kilobytes, when it ends.
const { writeFileSync } = require('node:fs')

const { BENCH_MEMORY: file } = process.env
delete process.env.NODE_OPTIONS
delete process.env.BENCH_MEMORY
process.on('exit', () => writeFileSync(file, String(process.resourceUsage().maxRSS)))
