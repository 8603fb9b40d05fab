import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { run, task } from '../../support/index.ts'
import { drafted, type Sample, typeCheck, withoutNames } from './compare.ts'

/**
 * What go-task prints on stdout, by its documentation: its binary comes from no registry that this repository uses. With GO_TASK set to the
 * path of one, it is asked, too.
 */
type Call = { words: string[]; own?: string[]; env?: Record<string, string>; prints: string; fails?: true }

const samples: readonly (Omit<Sample, 'calls'> & { calls: readonly Call[] })[] = [
  {
    folder: 'node',
    file: 'Taskfile.yml',
    calls: [
      { words: [], own: ['default'], prints: 'eslint shop\ngenerated\nnode --test \ntest\n' },
      { words: ['l'], prints: 'eslint shop\n' },
      { words: ['test', '--', '--watch'], prints: 'generated\nnode --test --watch\ntest\n' },
      { words: ['image'], prints: 'docker build -t registry.example.com/shop:abc123 .\nregistry.example.com/shop\n' },
    ],
    losses: 0,
  },
  {
    folder: 'deploy',
    file: 'Taskfile.yml',
    calls: [
      {
        words: ['--yes', 'deploy', 'ENV=staging', 'VERSION=v2'],
        own: ['deploy', '--env', 'staging', '--version', 'v2'],
        prints: '[ops] deploying v2 to staging\nrelaxed: v2\ncleanup staging\n',
      },
      {
        words: ['--yes', 'deploy'],
        own: ['deploy'],
        env: { ENV: 'staging', VERSION: 'v3' },
        prints: '[ops] deploying v3 to staging\nrelaxed: v3\ncleanup staging\n',
      },
      {
        words: ['--yes', 'deploy', 'ENV=production', 'VERSION=v2'],
        own: ['deploy', '--env', 'production', '--version=v2'],
        prints: '',
        fails: true,
      },
      {
        words: ['--yes', 'deploy', 'ENV=other', 'VERSION=v2'],
        own: ['deploy', '--env', 'other', '--version=v2'],
        prints: '',
        fails: true,
      },
      { words: ['--yes', 'deploy', 'ENV=staging'], own: ['deploy', '--env', 'staging'], prints: '', fails: true },
      { words: ['notify', 'MESSAGE=hi'], own: ['notify', '--message', 'hi'], prints: '[general] hi\n' },
      { words: ['fail'], prints: 'cleaned\n', fails: true },
    ],
    losses: 0,
  },
  {
    folder: 'go',
    file: 'Taskfile.yml',
    calls: [
      { words: ['build'], prints: 'built\n' },
      {
        words: ['cross'],
        prints: 'GOOS=linux go build\nGOOS=darwin go build\npackage api\npackage web\none api\none web\n',
      },
      { words: ['clean'], prints: 'removed\n' },
      { words: ['clean'], prints: '' },
      { words: ['os'], prints: 'linux\n' },
    ],
    losses: 0,
  },
  {
    folder: 'folders',
    file: 'Taskfile.yml',
    calls: [
      { words: ['where'], prints: 'apps\napps\nhello you from t0\n' },
      { words: ['print', 'TEXT=x'], own: ['print', '--text', 'x'], prints: 'print x\n' },
      { words: ['many'], prints: 'print one\nprint two\nmany in folders\n' },
    ],
    losses: 3,
  },
  {
    folder: 'scripts',
    file: 'Taskfile.yml',
    calls: [
      { words: ['multi'], prints: '1: a\n2: b\n3: c\n' },
      {
        words: ['quotes', 'WHO=you', '--', 'a b', '$HOME'],
        own: ['quotes', '--who', 'you', '--', 'a b', '$HOME'],
        prints: 'single you quotes double you quotes you\na b|$HOME|\n',
      },
      { words: ['short'], prints: 'shorthand\n' },
      { words: ['list'], prints: 'first\nsecond\n' },
      { words: ['expand'], prints: 'a.txt b.txt\nmatches\n' },
    ],
    losses: 0,
  },
  {
    folder: 'python',
    file: 'Taskfile.yml',
    calls: [
      { words: ['test', '--', '-k', 'one'], prints: 'python3 -m venv .venv\n.venv/bin/python -m pytest -q -k one\n' },
      { words: ['format', 'LINE=100'], own: ['format', '--line', '100'], prints: 'black --line-length 100 repo a-b\n' },
      { words: ['ci'], prints: 'black --line-length 88 repo a-b\n.venv/bin/python -m pytest -q\n' },
    ],
    losses: 0,
  },
  {
    folder: 'loops',
    file: 'Taskfile.yml',
    calls: [
      {
        words: ['matrix'],
        prints: 'linux/amd64 shop\nlinux/arm64 shop\ndarwin/amd64 shop\ndarwin/arm64 shop\n',
      },
      { words: ['all'], prints: 'fast a\nfast b\nfull api-shop\nfull web-shop\ndone\n' },
      { words: ['ask'], env: { KIND: 'full' }, prints: 'full x\n' },
      { words: ['ask'], env: { KIND: 'slow' }, prints: '', fails: true },
      { words: ['ask'], prints: '', fails: true },
      { words: ['build-x'], own: ['build', 'x'], prints: 'built x\n' },
    ],
    losses: 2,
  },
]

const folders: string[] = []
const { GO_TASK: goTask } = process.env

for (const sample of samples) {
  test(`${sample.folder}: the draft does what go-task does`, async () => {
    const { original, draft } = await drafted('go-task', { ...sample, calls: [] })
    folders.push(draft)
    for (const { words, own = words, env = {}, prints, fails = false } of sample.calls) {
      const { stdout, stderr, status } = await task(['--jobs', '1', '--yes', ...own], { cwd: draft, env: { ...env } })
      const told = `${sample.folder}: ${words.join(' ')}\n${stderr}`
      assert.is(withoutNames(stdout), prints, told)
      assert.is(status !== 0, fails, told)
      if (goTask === undefined) continue
      const asked = await run([join(goTask), '--silent', ...words], { cwd: original, env: { ...env } })
      assert.is(asked.stdout, prints, `go-task: ${told}`)
    }
  })
}

test('the drafts type-check', () => typeCheck(folders))

test.run()
