import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { engineSocket } from '../../../lib/platform/docker/engine-socket.ts'
import { temporaryFolder } from '../../support/index.ts'

const home = temporaryFolder()

/** A home of which the docker command's configuration says this. */
function homeWith(name: string, text: string): string {
  const folder = join(home, name)
  mkdirSync(join(folder, '.docker'), { recursive: true })
  writeFileSync(join(folder, '.docker', 'config.json'), text)
  return folder
}

test("an engine's socket is known where the docker command would take it without asking anybody", () => {
  const usual = '/var/run/docker.sock'
  const cases: [Parameters<typeof engineSocket>, string | undefined][] = [
    [[{}, {}], usual],
    [[{}, { HOME: homeWith('empty', '{}') }], usual],
    [[{}, { HOME: homeWith('default', '{"currentContext":"default"}') }], usual],
    [[{}, { HOME: homeWith('remote', '{"currentContext":"remote"}') }], undefined],
    [[{}, { HOME: homeWith('broken', '{"currentContext"') }], undefined],
    [[{}, { DOCKER_CONFIG: join(homeWith('elsewhere', '{"currentContext":"remote"}'), '.docker') }], undefined],
    [[{}, { DOCKER_CONTEXT: 'default' }], usual],
    [[{}, { DOCKER_CONTEXT: 'remote' }], undefined],
    [
      [{}, { DOCKER_HOST: 'unix:///run/user/1000/docker.sock', DOCKER_CONTEXT: 'remote' }],
      '/run/user/1000/docker.sock',
    ],
    [[{}, { DOCKER_HOST: 'ssh://example.com' }], undefined],
    [[{}, { DOCKER_HOST: 'tcp://127.0.0.1:2375' }], undefined],
    [[{ host: 'unix:///a.sock' }, { DOCKER_HOST: 'ssh://example.com' }], '/a.sock'],
    [[{ host: 'ssh://example.com' }, {}], undefined],
    [[{ context: 'remote' }, {}], undefined],
    [[{ host: 'unix:///a.sock' }, { DOCKER_API_VERSION: '1.40' }], undefined],
    [[{ host: 'unix:///a.sock' }, { DOCKER_TLS_VERIFY: '1' }], undefined],
  ]
  for (const [given, expected] of cases) assert.is(engineSocket(...given), expected, JSON.stringify(given))
})

test.run()
