/**
 * How long the command takes to start, against the floor: Node starting and doing nothing. `node bench/start.mjs [rounds]` (default 15, alternating), after
 * `npm run build`. Prints medians of wall time and their ratio to the floor.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('..', import.meta.url))
const task = `${repository}bin/task`
const rounds = Math.max(15, Number(process.argv[2] ?? 15))

const cases = {
  'node -e 0 (the floor)': ['-e', '0'],
  'task --version': [task, '--version'],
  'task --list': [task, '--list'],
  'task deploy --help': [task, 'deploy', '--help'],
  'task releases dev': [task, 'releases', 'dev'],
}

// Set on some machines, it makes every start of Node slower and says nothing about the command.
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env

/** Milliseconds of one start. */
function once(argv) {
  const begun = process.hrtime.bigint()
  const { status, stderr } = spawnSync(process.execPath, argv, { cwd: repository, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with status ${status}: ${stderr}`)
  return Number(process.hrtime.bigint() - begun) / 1e6
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]

for (const argv of Object.values(cases)) once(argv)
const times = new Map(Object.keys(cases).map((name) => [name, []]))
for (let round = 0; round < rounds; round += 1) {
  for (const [name, argv] of Object.entries(cases)) times.get(name).push(once(argv))
}
const floor = median(times.get('node -e 0 (the floor)'))
for (const [name, all] of times) {
  const middle = median(all)
  console.log(`${name.padEnd(24)} ${middle.toFixed(1).padStart(7)} ms  ${(middle / floor).toFixed(2)} ×`)
}
