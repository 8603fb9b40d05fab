import { join } from 'node:path'
import { processesWith, temporaryFolder } from '../../support/index.ts'
import { type Behaviour, byService, type Ground, makePlace, makeWorld, type Service, type World } from './world.ts'

const server = `
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
const { behaviour, version } = JSON.parse(readFileSync(new URL('./behaviour.json', import.meta.url), 'utf8'))
console.log('starting', version, behaviour)
if (behaviour === 'broken') {
  console.error('cannot find the frobnicator')
  process.exit(3)
}
createServer((request, response) => {
  response.statusCode = behaviour === 'unready' ? 503 : 200
  response.end(version)
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'))
`

/** The suite's world as processes of this machine. */
export async function localWorld(): Promise<World> {
  const place = await makePlace()
  const base = temporaryFolder()
  const filesOf = (service: Service, behaviour: Behaviour, version: string) => ({
    [`services/${service}/server.js`]: server,
    [`services/${service}/behaviour.json`]: JSON.stringify({ behaviour, version }),
  })
  const ground: Ground = {
    platform: 'local',
    env: { OPS_DATA_ROOT: join(base, 'data'), OPS_TEST_WORLD: base },
    environmentYaml: 'name: dev\nplatform: local\ndeploy: { keep: 5 }\n',
    values: {},
    filesOf,
    async fail(service, isBroken) {
      const files = filesOf(service, isBroken ? 'broken' : 'good', 'v1')
      for (const [path, text] of Object.entries(files)) await place.write(path, text)
    },
    async instances() {
      const { result } = await world.json<Status>(['services', 'status'])
      return byService(
        result.services.flatMap(({ service, pid }) => (pid === undefined ? [] : [[service, String(pid)]])),
      )
    },
    async end() {
      const down = await world.task(['services', 'down'])
      const left = await processesWith(base)
      if (down.status !== 0) throw new Error(`services down: ${down.stdout}${down.stderr}`)
      if (left.length > 0) throw new Error(`left running: ${left.map(({ command }) => command).join('; ')}`)
    },
  }
  const world = await makeWorld(place, ground)
  return world
}

type Status = { result: { services: { service: string; pid?: number }[] } }
