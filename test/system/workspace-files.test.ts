import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Result, unwrap } from '../../lib/model/failure.ts'
import { checkWorkspace, findWorkspace, readWorkspaceTexts } from '../../lib/system/workspace-files.ts'
import { temporaryFolder } from '../support/index.ts'
import { baseWorkspace } from '../validate/base-workspace.ts'
import { broken, brokenWorkspaces } from '../validate/broken/index.ts'
import { snapshot, writeWorkspace } from './support/workspace.ts'

const codes = (result: Result<unknown>) => (result.ok ? [] : result.failures.map(({ code }) => code))

test('the workspace is the nearest folder upwards that has a config/workspace.yaml', async () => {
  const folder = writeWorkspace(baseWorkspace)
  const inner = join(folder, 'services/api/src')
  mkdirSync(inner, { recursive: true })
  assert.is(unwrap(await findWorkspace({ cwd: folder, env: {} })), folder)
  assert.is(unwrap(await findWorkspace({ cwd: inner, env: {} })), folder)
})

test('--workspace goes before OPS_WORKSPACE, which goes before the current folder', async () => {
  const [first, second] = [writeWorkspace(baseWorkspace), writeWorkspace(baseWorkspace)]
  const env = { OPS_WORKSPACE: first }
  assert.is(unwrap(await findWorkspace({ cwd: second, env })), first)
  assert.is(unwrap(await findWorkspace({ cwd: second, env, workspace: second })), second)
  assert.is(
    unwrap(await findWorkspace({ cwd: dirname(second), env, workspace: second.slice(dirname(second).length + 1) })),
    second,
  )
  assert.is(unwrap(await findWorkspace({ cwd: second, env: { OPS_WORKSPACE: '' } })), second)
})

test('without a workspace, the failure says where it was looked for', async () => {
  const folder = temporaryFolder()
  const upwards = await findWorkspace({ cwd: folder, env: {} })
  assert.equal(codes(upwards), ['workspace-missing'])
  assert.match(upwards.ok ? '' : (upwards.failures[0].why ?? ''), 'above')
  const named = await findWorkspace({ cwd: '/', env: { OPS_WORKSPACE: folder } })
  assert.match(named.ok ? '' : (named.failures[0].why ?? ''), 'OPS_WORKSPACE')
})

test('all configuration is read, values are not', async () => {
  const folder = writeWorkspace(
    new Map([...baseWorkspace, ['.env.dev', 'A=1\n'], ['config/notes.md', 'x'], ['config/services/README.md', 'x']]),
  )
  assert.equal([...unwrap(await readWorkspaceTexts(folder)).keys()].sort(), [...baseWorkspace.keys()].sort())
})

test('files that nobody would read are found: other extensions, deeper folders', async () => {
  const folder = writeWorkspace(
    new Map([
      ...baseWorkspace,
      ['config/services/a.yml', 'x'],
      ['config/services/b/c.yaml', 'x'],
      ['config/workspace.yml', 'x'],
    ]),
  )
  const { failures } = unwrap(await checkWorkspace(folder))
  assert.equal(
    failures.filter(({ code }) => code === 'misplaced-file').map(({ place }) => place?.file.slice(folder.length + 1)),
    ['config/services/a.yml', 'config/services/b/c.yaml', 'config/workspace.yml'],
  )
})

test('files that cannot be read are reported all at once', async () => {
  const folder = writeWorkspace(baseWorkspace)
  writeFileSync(join(folder, 'config/services/api.yaml'), Uint8Array.of(0x6e, 0xff))
  symlinkSync('redis.yaml', join(folder, 'config/services/loop.yaml'))
  writeFileSync(join(folder, 'config/services/worker.yaml'), Uint8Array.of(0xfe))
  assert.equal(codes(await readWorkspaceTexts(folder)), ['invalid-encoding', 'invalid-encoding'])
})

test('links that lead nowhere and pipes are reported, and nobody waits', async () => {
  const folder = writeWorkspace(baseWorkspace)
  symlinkSync('gone.yaml', join(folder, 'config/services/link.yaml'))
  execFileSync('mkfifo', [join(folder, 'config/services/pipe.yaml')])
  assert.equal(codes(await readWorkspaceTexts(folder)), ['file-not-found', 'no-file'])
})

test('every broken workspace, on disk: the same failures with absolute paths, and nothing is changed', async () => {
  for (const { name, edits, expected } of brokenWorkspaces) {
    const folder = writeWorkspace(broken(edits))
    const before = snapshot(folder)
    const { failures } = unwrap(await checkWorkspace(folder))
    const heads = failures.map(({ code, place, nearest }) => {
      const at = [place?.file.slice(folder.length + 1), place?.line, place?.column].filter((part) => part !== undefined)
      return `${at.join(':')} ${code}${nearest === undefined ? '' : `, nearest ${nearest}`}`
    })
    assert.equal(
      heads,
      expected.map(([head]) => head),
      name,
    )
    assert.equal(snapshot(folder), before, name)
  }
})

test('the paths that configuration names are looked up', async () => {
  const folder = writeWorkspace(baseWorkspace)
  assert.equal(unwrap(await checkWorkspace(folder)).failures, [])
  assert.ok(statSync(join(folder, 'infrastructure/api.yaml')).isFile())
  assert.ok(readdirSync(join(folder, 'services')).includes('worker'))
})

test.run()
