import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ended, repository, run, until } from '../support/index.ts'
import { makeWorld, type World } from './world.ts'

const status = suite<{ world: World }>('migrate status, answered from what the last one has noted')

/** More than are worth a note. */
const count = 40

const fileOf = (number: number) => `database/migrations/${String(number).padStart(3, '0')}_table_${number}.sql`
const sqlOf = (number: number) =>
  `-- migrate:up\ncreate table t_${number} (n int);\n-- migrate:down\ndrop table t_${number};\n`

status.before(async (context) => {
  const world = await makeWorld()
  context.world = world
  for (let number = 2; number <= count; number += 1) await world.write(fileOf(number), sqlOf(number))
  await world.write(
    '.ops/hook.cjs',
    `process.on('exit', () => require('node:fs').writeFileSync(process.env.LOADED, Object.keys(require.cache).join('\\n')))`,
  )
  const setup = await world.task(['setup', 'dev'])
  assert.is(setup.status, 0, setup.stderr)
})

status.after(async ({ world }) => world.end())

/** A status, and whether the command itself was loaded for it. */
async function asked(world: World, ...words: string[]): Promise<Ended & { noted: boolean }> {
  const loaded = join(world.folder, '.ops/loaded')
  const env = { LOADED: loaded, NODE_OPTIONS: `--require=${join(world.folder, '.ops/hook.cjs')}` }
  const done = await world.task(['migrate', 'status', ...words], { env })
  assert.is(done.status, 0, done.stderr)
  return { ...done, noted: !/operations\.cjs|pack\.cjs/.test(await readFile(loaded, 'utf8')) }
}

/** Asks until the note is used: what is younger than two seconds is not trusted. */
async function settled(world: World, ...words: string[]): Promise<string> {
  let stdout = ''
  await until(
    async () => {
      const answer = await asked(world, ...words)
      stdout = answer.stdout
      return answer.noted
    },
    { what: 'the note to be used', deadline: 90_000, every: 400 },
  )
  return stdout
}

/** What the command itself says. */
async function unnoted(world: World, ...words: string[]): Promise<string> {
  await rm(join(world.folder, '.ops/cache/migrate-status.json'), { force: true })
  const { stdout, noted } = await asked(world, ...words)
  assert.not(noted)
  return stdout
}

status('says what the command itself says, as text and as JSON', async ({ world }) => {
  for (const words of [[], ['--json']]) {
    const own = await unnoted(world, ...words)
    assert.is(await settled(world, ...words), own)
    assert.is(own.match(words.length === 0 ? /^\d+ .* applied /gm : /"state":"applied"/g)?.length, count)
  }
})

status('finds a changed, a new and a lost file', async ({ world }) => {
  const path = join(world.folder, fileOf(20))
  await settled(world)
  await writeFile(path, sqlOf(20).replace('(n int)', '(m int)'))
  const changed = await asked(world)
  assert.not(changed.noted)
  assert.match(changed.stdout, /020 +table_20 +changed/)
  await writeFile(path, sqlOf(20))
  assert.match((await asked(world)).stdout, /020 +table_20 +applied/)

  await settled(world)
  await world.write(fileOf(900), sqlOf(900))
  assert.match((await asked(world)).stdout, /900 +table_900 +pending/)
  await rm(join(world.folder, fileOf(900)))

  await rename(path, `${path}.away`)
  assert.match((await asked(world)).stdout, /020 +table_20 +missing/)
  await rename(`${path}.away`, path)
})

status('asks the database each time, and tells of attempts that failed', async ({ world }) => {
  await world.write(fileOf(901), '-- migrate:up\ncreate table t_901 (n int);\nselect 1 / 0;\n')
  await settled(world)
  assert.is((await world.task(['migrate', 'up', '--yes'])).status === 0, false)
  const failed = await asked(world)
  assert.not(failed.noted)
  assert.match(failed.stdout, /901 +table_901 +failed/)
  assert.match(failed.stdout, /division by zero/)
  await world.write(fileOf(901), sqlOf(901))
  await asked(world)
  assert.is((await world.task(['migrate', 'up', '--yes'])).status, 0)
  assert.match(await settled(world), /901 +table_901 +applied/)
})

status(
  'counts no more after a change of the configuration, the values, the Taskfile or the variables',
  async ({ world }) => {
    for (const path of ['config/environments/dev.yaml', '.env.dev']) {
      const text = await readFile(join(world.folder, path), 'utf8')
      await settled(world)
      await world.write(path, `${text}\n`)
      assert.not((await asked(world)).noted, path)
    }
    await settled(world)
    await world.write('config/services/new.yaml', 'name: other\n')
    const broken = await world.task(['migrate', 'status'])
    await rm(join(world.folder, 'config/services/new.yaml'))
    assert.match(broken.stderr, /new\.yaml/)
    await settled(world)
    const other = await world.task(['migrate', 'status'], { env: { OPS_ENVIRONMENT: 'nowhere' } })
    assert.is(other.status, 3)
    assert.match(other.stderr, /nowhere/)
  },
)

status('a Taskfile with a migrate task of its own is asked, also where that calls ours', async ({ world }) => {
  const text = await readFile(join(world.folder, 'Taskfile.ts'), 'utf8')
  await settled(world)
  await world.write(
    'Taskfile.ts',
    `import { task } from 'vital-ops'
import { operations } from 'vital-ops/operations'
const { status } = operations().migrate.commands
export const migrate = task({
  description: 'Own',
  commands: {
    status: task({
      description: 'Own',
      run: async ({ run }) => {
        console.log('mine')
        await run(status, { environment: 'dev' })
      },
    }),
  },
})
`,
  )
  // Longer than a file is too young to be trusted.
  for (const end = Date.now() + 4000; Date.now() < end; ) {
    const mine = await world.task(['migrate', 'status'])
    assert.is(mine.status, 0, mine.stderr)
    assert.match(mine.stdout, /mine/)
  }
  await world.write('Taskfile.ts', text)
})

status('a copy of the workspace does not ask the database of the first', async ({ world }) => {
  await settled(world)
  const copy = `${world.folder}-copy`
  await cp(world.folder, copy, { recursive: true, preserveTimestamps: true, filter: (path) => !path.endsWith('.sock') })
  const done = await run([process.execPath, join(repository, 'bin/task'), 'migrate', 'status'], {
    cwd: copy,
    env: world.env,
  })
  assert.match(done.stderr, /does not answer/)
  assert.match(done.stdout, /020 +table_20 +unknown/)
})

status('says it where the database does not answer', async ({ world }) => {
  await settled(world)
  assert.is((await world.task(['services', 'down'])).status, 0)
  const { stderr, stdout, noted } = await asked(world)
  assert.not(noted)
  assert.match(stderr, /does not answer/)
  assert.match(stdout, /020 +table_20 +unknown/)
})

status.run()
