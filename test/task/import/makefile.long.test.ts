import { test } from 'uvu'
import { note } from '../../support/index.ts'
import { compare, drafted, type Sample, typeCheck } from './compare.ts'

const samples: readonly Sample[] = [
  {
    folder: 'node-service',
    file: 'Makefile',
    calls: [
      ['install'],
      ['lint'],
      ['test'],
      ['build'],
      ['image'],
      ['push'],
      ['release'],
      ['ci'],
      ['clean'],
      { original: ['push'], draft: ['push'], env: { APP: 'other', REGISTRY: 'r' } },
    ],
    losses: 0,
  },
  {
    folder: 'c-program',
    file: 'Makefile',
    fresh: ['build'],
    calls: [
      { original: ['run'], draft: ['run'] },
      { original: ['clean', 'build/hello'], draft: ['build/hello'] },
      ['clean'],
    ],
    losses: 1,
  },
  {
    folder: 'operations',
    file: 'Makefile',
    calls: [
      ...['staging', 'production', 'dev'].flatMap((name) =>
        [['up'], ['hosts'], ['deploy'], ['migrate']].map((words) => ({
          original: words,
          draft: words,
          env: { ENV: name },
        })),
      ),
      { original: ['up'], draft: ['up'], env: { VERBOSE: '1' } },
      ['licenses'],
      ['assets'],
      { original: ['assets'], draft: ['assets'], env: { SKIP: '1' } },
      { original: ['licenses'], draft: ['licenses'], env: { SKIP: '1' } },
      ['guard'],
      { original: ['guard'], draft: ['guard'], env: { ENV: 'production' } },
      ['down'],
      ['logs'],
      ['db/backup'],
      ['restart'],
      ['status'],
    ],
    losses: 1,
  },
  {
    folder: 'go-app',
    file: 'Makefile',
    calls: [
      ['all'],
      ['cross'],
      ['linux/arm64'],
      ['vet'],
      ['fmt'],
      ['generate'],
      ['print'],
      ['test'],
      { original: ['test'], draft: ['test'], env: { RUN: 'TestOne' } },
    ],
    losses: 0,
  },
  {
    folder: 'python-project',
    file: 'Makefile',
    fresh: ['.venv'],
    calls: [['format'], ['test'], ['coverage'], ['check'], ['usage'], ['docs'], ['serve']],
    losses: 1,
  },
  { folder: 'oneshell', file: 'Makefile', calls: [['deploy'], ['seed'], ['fail'], ['all']], losses: 0 },
]

const made = new Map<Sample, { original: string; draft: string }>()

for (const sample of samples) {
  test(`${sample.folder}: the draft does what make does`, async () => {
    const folders = await drafted('makefile', sample)
    made.set(sample, folders)
    note(`${sample.folder}: ${await compare(['make', '-s'], sample, folders)} calls`)
  })
}

test('the drafts type-check', () => typeCheck([...made.values()].map(({ draft }) => draft)))

test.run()
