import { join } from 'node:path'
import { test } from 'uvu'
import { note } from '../../support/index.ts'
import { compare, drafted, type Sample, typeCheck } from './compare.ts'

/** `npm run NAME -- words`, and `task NAME -- words`. */
const call = (name: string, ...words: string[]) => ({
  original: words.length === 0 ? [name] : [name, '--', ...words],
  draft: words.length === 0 ? [name] : [name, '--', ...words],
})

const samples: readonly Sample[] = [
  {
    folder: 'library',
    file: 'package.json',
    calls: [
      call('build'),
      call('clean'),
      call('test'),
      call('lint', '--quiet', 'a b'),
      call('lint:fix'),
      call('lint:fix', 'x'),
      call('check'),
      call('check', 'more'),
    ],
    losses: 1,
  },
  {
    folder: 'web-app',
    file: 'package.json',
    calls: [
      call('dev', '--port', '1'),
      call('start'),
      call('start', "it's", 'a b', '$HOME', ';echo PWN', '*', '', 'ü'),
      call('typecheck'),
      call('e2e', 'x y', '$PATH'),
      call('count'),
      call('all'),
      call('fail'),
      call('quotes'),
      call('glob'),
    ],
    losses: 0,
  },
  {
    folder: 'npm-variables',
    file: 'package.json',
    calls: [call('version-of'), call('port'), call('event', 'x'), call('tagged')],
    losses: 0,
  },
  {
    folder: 'names',
    file: 'package.json',
    calls: [
      call('run'),
      call('delete'),
      { original: ['help'], draft: ['show-help'] },
      call('db:migrate'),
      call('db:seed'),
      call('build-all'),
      call('snake_case'),
      call('CAPS'),
      call('task'),
    ],
    losses: 0,
  },
  {
    folder: 'monorepo',
    file: 'package.json',
    calls: [call('ci'), call('test'), call('lint'), call('watch'), call('where')],
    losses: 0,
  },
  { folder: 'empty', file: 'package.json', calls: [], losses: 0 },
]

const made = new Map<Sample, { original: string; draft: string }>()

for (const sample of samples) {
  test(`${sample.folder}: the draft does what npm does`, async () => {
    const folders = await drafted('package', sample)
    made.set(sample, folders)
    const node = join(process.execPath, '..', 'npm')
    note(`${sample.folder}: ${await compare([node, 'run', '--silent'], sample, folders)} calls`)
  })
}

test('the drafts type-check', () => typeCheck([...made.values()].map(({ draft }) => draft)))

test.run()
