import { busybox } from '../../images/index.ts'
import { type Engine, engine } from '../../support/docker.ts'
import {
  type Behaviour,
  byService,
  type Ground,
  makePlace,
  makeWorld,
  type Place,
  type Service,
  type World,
} from './world.ts'

const script = `. /app/behaviour.env
echo "starting $VERSION $BEHAVIOUR"
if [ "$BEHAVIOUR" = broken ]; then
  echo 'cannot find the frobnicator' >&2
  exit 3
fi
trap 'exit 0' TERM
mkdir -p /www
if [ "$BEHAVIOUR" = good ]; then echo "$VERSION" > /www/ready; fi
httpd -p 8000 -h /www
echo listening
while :; do
  sleep 5 &
  wait $!
done
`
const compose = (service: Service) => `services:
  ${service}:
    image: \${BUSYBOX_IMAGE}
    command: [sh, /app/run.sh]
    volumes:
      - ./run.sh:/app/run.sh:ro
      - ./behaviour.env:/app/behaviour.env:ro
    networks: [backend]
    restart: unless-stopped
    stop_grace_period: 3s
networks:
  backend: { external: true }
`

/** The suite's world on a real Docker engine; with `of`, the same environment from another folder. */
export async function dockerWorld(of?: { place: Place; on: Engine }): Promise<World> {
  const on = of?.on ?? (await engine())
  const place = await makePlace(of?.place)
  const filesOf = (service: Service, behaviour: Behaviour, version: string) => ({
    [`infrastructure/docker/${service}/compose.yaml`]: compose(service),
    [`infrastructure/docker/${service}/run.sh`]: script,
    [`infrastructure/docker/${service}/behaviour.env`]: `BEHAVIOUR=${behaviour}\nVERSION=${version}\n`,
  })
  const own = `label=vital-ops.workspace=${place.id}`
  const list = async (what: string[]) => (await on.docker([...what, '--filter', own])).split('\n').filter(Boolean)
  const ground: Ground = {
    platform: 'docker',
    env: { ...on.env },
    environmentYaml: 'name: dev\nplatform: docker\ndeploy: { keep: 5 }\n',
    values: { BUSYBOX_IMAGE: await busybox(on) },
    filesOf,
    async fail(service, isBroken) {
      const files = filesOf(service, isBroken ? 'broken' : 'good', 'v1')
      for (const [path, text] of Object.entries(files)) await place.write(path, text)
    },
    async instances() {
      const format = ['--format', '{{.Label "vital-ops.service"}} {{.ID}}']
      const lines = await list(['ps', '--filter', 'label=vital-ops.service', ...format])
      return byService(lines.map((line) => line.split(' ') as [string, string]))
    },
    async end() {
      const containers = await list(['ps', '--all', '--quiet'])
      if (containers.length > 0) await on.try(['rm', '--force', '--volumes', ...containers])
      const networks = await list(['network', 'ls', '--quiet'])
      if (networks.length > 0) await on.try(['network', 'rm', ...networks])
      const volumes = await list(['volume', 'ls', '--quiet'])
      if (volumes.length > 0) await on.try(['volume', 'rm', '--force', ...volumes])
    },
  }
  const world = await makeWorld(place, ground)
  return { ...world, clone: () => dockerWorld({ place, on }) }
}
