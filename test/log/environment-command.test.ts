import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inEnvironment } from '../../lib/log/environment-command.ts'

const cases: [text: string, environment: string, wanted: string][] = [
  ['task services status', 'dev', 'task services status'],
  ['task services status', 'production', 'task services status -e production'],
  ['task services up api -e production', 'production', 'task services up api -e production'],
  [
    'task services up api --resolve-ports   # uses 5',
    'production@local',
    'task services up api --resolve-ports -e production --platform local   # uses 5',
  ],
  ['task releases production@local', 'production@local', 'task releases production --platform local'],
  ['task releases', 'dev@local', 'task releases dev --platform local'],
  ['task deploy', 'dev', 'task deploy dev'],
  ['task deploy --allow-dirty', 'staging', 'task deploy staging --allow-dirty'],
  ['task migrate up', 'staging', 'task migrate up staging'],
  ['task migrate status', 'dev', 'task migrate status'],
  ['task resume, or task abort staging', 'staging', 'task resume staging, or task abort staging'],
  ['it differs — task setup', 'staging', 'it differs — task setup staging'],
  ['task runs', 'staging', 'task runs'],
  ['task help deploy', 'staging', 'task help deploy'],
  ['mend the task setup', 'staging', 'mend the task setup'],
  ['task setup, or add X to the .env file', 'staging', 'task setup staging, or add X to the .env file'],
]

for (const [text, environment, wanted] of cases)
  test(`${text}, in ${environment}`, () => {
    assert.is(inEnvironment(text, environment), wanted)
    assert.is(inEnvironment(wanted, environment), wanted)
  })

test.run()
