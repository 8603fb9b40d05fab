/** What the other suites' worlds check of every run, checked itself: mistakes are found, and what failing operations say is right. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ended, repository } from '../support/index.ts'
import { checkedCommands, checkNext, commandsIn, mistakeIn, nextTexts } from './next-commands.ts'
import { makeWorld } from './world.ts'

const said = (stderr: string, stdout = ''): Ended => ({ stderr, stdout, status: 1, signal: null })

test('commands are found behind next and mend, and in JSON', () => {
  const stderr =
    'task no\n  next:\n    task a b   # c\n    kill 1\nwarning: x\n  mend: npx task d, or npx task e <name>\n  task f\n'
  assert.equal(commandsIn(nextTexts(said(stderr))), ['task a b', 'npx task d'])
  const json = JSON.stringify({ failures: [{ next: ['./bin/task g'] }], result: { findings: [{ mend: 'task h' }] } })
  assert.equal(commandsIn(nextTexts(said('', json))), ['./bin/task g', 'task h'])
})

test('what cannot be typed is found, with its text', async () => {
  for (const right of ['task runs', 'npx task which setup', 'task services up -e dev', 'task --list'])
    assert.is(await mistakeIn(right, repository), undefined)
  for (const wrong of ['task runs --bogus', 'task which', 'task services up --bogus', 'task deploy', 'task bogus'])
    assert.type(await mistakeIn(wrong, repository), 'string', wrong)
  const rejected = async (args: string[], command: string) => {
    const error = await checkNext(repository, args, said(`next: ${command}`)).then(
      () => undefined,
      (thrown: Error) => thrown,
    )
    assert.ok(error?.message.includes(command), `${command}: ${error?.message}`)
  }
  await rejected(['setup', 'dev'], 'task deploy')
  await rejected(['deploy', 'production'], 'task services status')
  await rejected(['deploy', 'production', '--platform', 'local'], 'task releases production')
})

test('what fails in a rehearsal says what to type about the rehearsal', async () => {
  const world = await makeWorld()
  await world.write('config/environments/production.yaml', 'name: production\nplatform: docker\n')
  await world.write('config/environments/.env.production.example', 'POSTGRES_PASSWORD=rehearsed\nGREETING=hello\n')
  await world.write('config/environments/.env.production@local', 'POSTGRES_PASSWORD=rehearsed\nGREETING=hello\n')
  const rehearsal = ['production', '--platform', 'local']
  const before = checkedCommands()
  const resume = await world.task(['resume', ...rehearsal])
  assert.is(resume.status, 3, resume.stderr)
  assert.match(resume.stderr, /task releases production --platform local\n/, resume.stderr)
  const rollback = await world.task(['rollback', ...rehearsal])
  assert.is(rollback.status, 3, rollback.stderr)
  assert.match(rollback.stderr, /production --platform local\n/)
  assert.ok(checkedCommands() - before >= 2)
  await world.end()
})

test.run()
