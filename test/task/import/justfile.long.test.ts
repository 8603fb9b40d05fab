import { delimiter, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import { note, repository, skip } from '../../support/index.ts'
import { compare, drafted, type Sample, typeCheck } from './compare.ts'

const samples: readonly Sample[] = [
  {
    folder: 'rust',
    file: 'justfile',
    calls: [
      ['build'],
      ['t'],
      ['test', 'unit', 'x', 'y'],
      ['check'],
      ['fmt'],
      ['bench', 'fast'],
      ['_hidden'],
      { original: ['build', '--release', 'a b'], draft: ['build', '--', '--release', 'a b'] },
    ],
    losses: 0,
  },
  {
    folder: 'web',
    file: 'justfile',
    calls: [
      ['dev'],
      ['dev', '8080'],
      ['lint'],
      { original: ['--yes', 'deploy', 'prod'], draft: ['deploy', 'prod'] },
      { original: ['--yes', 'deploy', 'prod', 'v2'], draft: ['deploy', 'prod', 'v2'], env: { IMAGE: 'other' } },
      ['notify', 'x'],
      ['all-images'],
      ['all-images', 'a', 'b'],
      ['fail'],
    ],
    losses: 0,
  },
  {
    folder: 'scripts',
    file: 'justfile',
    calls: [
      ['bash'],
      ['bash', 'you'],
      ['python', '3'],
      ['node', 'some', 'words'],
      ['os'],
      { original: ['where'], draft: ['where'], cwd: '.' },
      ['long'],
    ],
    losses: 2,
  },
  {
    folder: 'database',
    file: 'justfile',
    calls: [
      ['psql'],
      ['psql', 'select', '1'],
      ['dump'],
      ['dump', 'x'],
      ['restore', 'some/file.sql'],
      ['migrate', 'up'],
      ['reset'],
      { original: ['psql'], draft: ['psql'], env: { DATABASE_URL: 'postgres://elsewhere/db' } },
    ],
    losses: 0,
  },
  {
    folder: 'monorepo',
    file: 'justfile',
    calls: [
      ['build'],
      ['default'],
      ['each', 'lint', '-q'].slice(0, 2),
      ['in-apps'],
      ['release', 'v1'],
      ['image'],
      ['image', 'x', 'yes'],
      ['call'],
    ],
    losses: 0,
  },
  {
    folder: 'minimal',
    file: 'justfile',
    calls: [['hello'], ['hello', 'Ada', '?'], ['quiet'], ['sum', '2', '3'], ['need']],
    losses: 0,
  },
]

const made = new Map<Sample, { original: string; draft: string }>()

/** The program, as the benchmark installs it for itself. */
async function just(): Promise<string> {
  const { installPeers } = await import(pathToFileURL(join(repository, 'bench/support/peers.mjs')).href)
  const { peers, missing } = installPeers(['just'])
  return peers.get('just')?.program ?? skip(`just cannot be installed: ${missing.get('just')}`, { allowedOnCi: true })
}

for (const sample of samples) {
  test(`${sample.folder}: the draft does what just does`, async () => {
    const program = await just()
    // A recipe that calls `just` itself finds this one, also on a machine that has none.
    process.env.PATH = `${dirname(program)}${delimiter}${process.env.PATH}`
    const folders = await drafted('justfile', sample)
    made.set(sample, folders)
    note(`${sample.folder}: ${await compare([program], sample, folders)} calls`)
  })
}

test('the drafts type-check', () => typeCheck([...made.values()].map(({ draft }) => draft)))

test.run()
