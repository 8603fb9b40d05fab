import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, run, task, temporaryFolder, timeLimit } from '../support/index.ts'

/*
 * What an editor sees in a project that has installed the package: its declarations, checked with all of their own imports and without
 * `skipLibCheck`, by the kinds of tsconfig.json that projects have.
 */

timeLimit(240_000)

const tsc = join(repository, 'node_modules/typescript/bin/tsc')

/** All members of a definition, with the types that they are to give. */
const everything = `
import { choice, duration, flag, number, optional, path, task, text, type Shell } from 'vital-ops'
import { operations } from 'vital-ops/operations'
export const build = task({ inputs: ['a'], outputs: ['b'], env: ['NODE_ENV'], run: async ({ $ }) => ({ v: (await $\`x\`).stdout.trim() }) })
const helper = ($: Shell) => $\`echo \${['a', 'b']}\`
export const all = task({
  description: 'd', group: 'g', hidden: false, aliases: ['x'], deprecated: 'use y',
  args: { c: choice(['beta', 'stable']).describe('x'), n: number({ integer: true }).default(3), f: flag(), d: duration().optional(), p: path({ exists: 'file' }).optional(), t: text().positional().repeated() },
  needs: { build, opt: optional(build) }, finally: { helperTask: task({ run() {} }) },
  confirm: ({ args }) => \`Publish \${args.c}?\`,
  when: ({ args, env }) => env.CI === 'true' || args.f,
  preconditions: [{ check: ({ $ }) => $\`true\`, message: 'no' }],
  retry: { times: 2, backoff: '5s' }, timeout: '10m', mutex: 'publish', folder: 'x', environment: { TZ: 'UTC' }, dotenv: ['.env'],
  async run({ $, args, needs, log, step, signal, run }) {
    const c: 'beta' | 'stable' = args.c
    const v: string = needs.build.v
    // @ts-expect-error may be undefined
    const w: string = needs.opt.v
    await step('s', () => helper($))
    log(\`\${c} \${v} \${w} \${signal.aborted} \${args.t.length}\`)
    const r: { v: string } = await run(build)
    return r.v
  },
  render: (result) => \`\${result}\\n\`,
})
export default operations()
`

test('a scaffolded Taskfile and one with every member type-check with plain tsc', async () => {
  const project = temporaryFolder()
  const installed = join(project, 'node_modules/vital-ops')
  mkdirSync(installed, { recursive: true })
  cpSync(join(repository, 'package.json'), join(installed, 'package.json'))
  symlinkSync(join(repository, 'node_modules'), join(installed, 'node_modules'))
  const types = join(installed, 'dist/types')
  const made = await run([
    process.execPath,
    tsc,
    '--project',
    join(repository, 'lib/build/tsconfig.json'),
    '--outDir',
    types,
  ])
  assert.is(made.stdout, '')
  writeFileSync(join(project, 'package.json'), '{ "name": "fresh", "type": "module", "private": true }')
  assert.is((await task(['--workspace', project, '--init'])).status, 0)
  const ops = join(project, 'ops')
  mkdirSync(ops)
  assert.is((await task(['--workspace', ops, '--init', '--ops'])).status, 0)
  writeFileSync(join(project, 'everything.ts'), everything)
  for (const options of [
    ['--target', 'es2022'],
    ['--module', 'nodenext'],
    ['--module', 'esnext', '--moduleResolution', 'bundler'],
  ]) {
    const words = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', ...options]
    const { stdout, status } = await run(
      [process.execPath, tsc, ...words, 'Taskfile.ts', 'everything.ts', 'ops/Taskfile.ts'],
      { cwd: project },
    )
    assert.is(stdout, '', options.join(' '))
    assert.is(status, 0)
  }
})

test.run()
