import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { expandBraces, readPatterns } from '../../../lib/task/fingerprint/pattern.ts'
import { walk } from '../../../lib/task/fingerprint/walk.ts'
import { folderWith } from '../../support/workspace.ts'

const folder = folderWith({
  'package.json': '',
  'src/a.ts': '',
  'src/b.test.ts': '',
  'src/.hidden': '',
  'src/deep/er/c.ts': '',
  'src/deep/d.js': '',
  'src/node_modules/x/index.ts': '',
  'node_modules/y/index.js': '',
  '.git/HEAD': '',
  '.ops/cache/z': '',
  'packages/one/src/i.ts': '',
  'packages/two/src/i.ts': '',
  'packages/two/lib/i.ts': '',
  'we[i]rd/{x}.txt': '',
})
mkdirSync(join(folder, 'src/empty'))

function found(patterns: string[], options = { followLinks: true }): string[] {
  const paths: string[] = []
  walk(
    readPatterns(patterns, folder),
    {
      file: (path) => paths.push(path.slice(folder.length + 1)),
      link: (path, target) => paths.push(`${path.slice(folder.length + 1)} -> ${target}`),
    },
    options,
  )
  return paths.sort()
}

for (const [patterns, expected] of [
  [['src/**'], ['src/.hidden', 'src/a.ts', 'src/b.test.ts', 'src/deep/d.js', 'src/deep/er/c.ts']],
  [['src'], ['src/.hidden', 'src/a.ts', 'src/b.test.ts', 'src/deep/d.js', 'src/deep/er/c.ts']],
  [['src/'], ['src/.hidden', 'src/a.ts', 'src/b.test.ts', 'src/deep/d.js', 'src/deep/er/c.ts']],
  [
    ['./src/**/*.ts', '!**/*.test.ts'],
    ['src/a.ts', 'src/deep/er/c.ts'],
  ],
  [
    ['!src/deep', 'src/**/*.ts'],
    ['src/a.ts', 'src/b.test.ts'],
  ],
  [
    ['!src/deep/**', 'src/**/*.ts'],
    ['src/a.ts', 'src/b.test.ts'],
  ],
  [['src/*'], ['src/.hidden', 'src/a.ts', 'src/b.test.ts']],
  [['**/*.{js,json}'], ['package.json', 'src/deep/d.js']],
  [['package.json', 'absent.json'], ['package.json']],
  [['packages/*/src/**'], ['packages/one/src/i.ts', 'packages/two/src/i.ts']],
  [['packages/{one,two}/{src,lib}/?.ts'], ['packages/one/src/i.ts', 'packages/two/lib/i.ts', 'packages/two/src/i.ts']],
  [['packages/[!t]*/src/i.ts'], ['packages/one/src/i.ts']],
  [['**/er/**'], ['src/deep/er/c.ts']],
  [
    ['src/**/**/c.ts', 'src/deep/**'],
    ['src/deep/d.js', 'src/deep/er/c.ts'],
  ],
  [['node_modules/y/*'], ['node_modules/y/index.js']],
  [['src/node_modules/**'], ['src/node_modules/x/index.ts']],
  [['.git/HEAD'], ['.git/HEAD']],
  [['we\\[i\\]rd/*'], ['we[i]rd/{x}.txt']],
  [['package.json/x', 'src/a.ts/b/c', 'package.json/**'], []],
  [['we\\[i\\]rd/\\{x\\}.txt'], ['we[i]rd/{x}.txt']],
  [['src/../package.json'], undefined],
  [['src/[z-a]'], undefined],
  [['src/@(a|b)'], undefined],
  [['!src/**'], []],
  [[''], undefined],
] as const) {
  test(`${JSON.stringify(patterns)} finds ${expected === undefined ? 'nothing, it is refused' : expected.length}`, () => {
    if (expected === undefined) assert.throws(() => found([...patterns]), /is no pattern of files/)
    else assert.equal(found([...patterns]), [...expected])
  })
}

test('a pattern may lead out of the folder, and be absolute', () => {
  const inner = join(folder, 'packages/one')
  const paths: string[] = []
  walk(
    readPatterns(['../two/lib/**', join(folder, 'package.json')], inner),
    { file: (path) => paths.push(path) },
    { followLinks: true },
  )
  assert.equal(paths.sort(), [join(folder, 'package.json'), join(folder, 'packages/two/lib/i.ts')])
})

test('links are followed, once round, or taken as themselves', () => {
  const links = join(folder, 'links')
  mkdirSync(links)
  symlinkSync('../packages', join(links, 'all'))
  symlinkSync('..', join(links, 'up'))
  symlinkSync('nowhere', join(links, 'broken'))
  symlinkSync('../package.json', join(links, 'file'))
  symlinkSync('self', join(links, 'self'))
  assert.equal(found(['links/**']), [
    'links/all/one/src/i.ts',
    'links/all/two/lib/i.ts',
    'links/all/two/src/i.ts',
    'links/broken -> nowhere',
    'links/file',
    'links/self -> self',
  ])
  assert.equal(found(['links/**'], { followLinks: false }), [
    'links/all -> ../packages',
    'links/broken -> nowhere',
    'links/file -> ../package.json',
    'links/self -> self',
    'links/up -> ..',
  ])
  rmSync(links, { recursive: true })
})

test('braces', () => {
  assert.equal(expandBraces('a{b,c{d,e}}f{g,}'), ['abfg', 'abf', 'acdfg', 'acdf', 'acefg', 'acef'])
  assert.equal(expandBraces('{a}'), ['{a}'])
  assert.equal(expandBraces('a{b'), ['a{b'])
})

test.run()
