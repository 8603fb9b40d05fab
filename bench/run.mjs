// @ts-check
/**
 * The benchmark: `node bench/run.mjs [name…] [--rounds N] [--json] [--write]`, after `npm run build`. Each `bench/<name>.bench.mjs` is a part; without
 * names all run, and docs/performance.md is written (`--write` writes it after a selection, too). Ends with status 1 when a claim is missed.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { fewestRounds } from './support/measure.mjs'
import { installPeers } from './support/peers.mjs'
import { asMarkdown, asText } from './support/report.mjs'

/** What a part is given. @typedef {{ rounds: number, folder: string, repository: string, task: string, peers: ReadonlyMap<string, import('./support/peers.mjs').Peer> }} Context */

/**
 * What a part exports as its default. `order` is its place in the report; `peers` are the names of those that it wants.
 *
 * @typedef {{ order: number, peers?: readonly string[], run(context: Context): Promise<import('./support/measure.mjs').Table[]> | import('./support/measure.mjs').Table[] }} Part
 */

const repository = fileURLToPath(new URL('..', import.meta.url)).slice(0, -1)
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: String(fewestRounds) },
    json: { type: 'boolean' },
    write: { type: 'boolean' },
  },
})
const rounds = Math.max(fewestRounds, Number(values.rounds))

const all = readdirSync(join(repository, 'bench')).flatMap((file) => /^(.+)\.bench\.mjs$/.exec(file)?.[1] ?? [])
const unknown = positionals.filter((name) => !all.includes(name))
if (unknown.length > 0) {
  console.error(`bench: no part ${unknown.join(', ')}; there are ${all.join(', ')}`)
  process.exit(2)
}
/** @type {{ name: string, part: Part }[]} */
const parts = []
for (const name of positionals.length > 0 ? positionals : all) {
  parts.push({ name, part: (await import(`./${name}.bench.mjs`)).default })
}
parts.sort((one, other) => one.part.order - other.part.order)

const { peers, missing } = installPeers([...new Set(parts.flatMap(({ part }) => part.peers ?? []))])
const tables = []
for (const { name, part } of parts) {
  const folder = mkdtempSync(join(tmpdir(), `vital-ops-bench-${name}-`))
  mkdirSync(folder, { recursive: true })
  try {
    const made = await part.run({ rounds, folder, repository, task: join(repository, 'bin', 'task'), peers })
    tables.push(...made)
    if (!values.json) console.log(asText(made))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
for (const [name, why] of missing) console.error(`${name} was not measured: ${why}`)
if (values.json)
  console.log(JSON.stringify({ rounds, node: process.versions.node, peers: Object.fromEntries(peers), tables }))
if (positionals.length === 0 || values.write) {
  const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: repository, encoding: 'utf8' }).trim()
  const date = new Date().toISOString().slice(0, 10)
  writeFileSync(
    join(repository, 'docs', 'performance.md'),
    asMarkdown(tables, { rounds, version, commit, peers, missing, date }),
  )
}
process.exitCode = tables.every(({ verdicts }) => verdicts.every(({ holds }) => holds)) ? 0 : 1
