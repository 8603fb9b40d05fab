/** What lies in the small workspace of docker-world.ts: the services, their Compose files and their configuration. */
import type { DockerWorldOptions } from './docker-world.ts'

const server = `
const { createServer } = require('node:http')
const { readFileSync } = require('node:fs')
const { behaviour, version } = JSON.parse(readFileSync('/app/behaviour.json', 'utf8'))
let flips = 0
console.log('starting', version, behaviour)
if (behaviour === 'crash' || behaviour === 'exit') {
  console.error('cannot find the frobnicator')
  process.exit(behaviour === 'exit' ? 0 : 3)
}
if (behaviour === 'hungry') {
  const eaten = []
  setInterval(() => eaten.push(Buffer.alloc(16 * 1024 * 1024, 1)), 20)
}
process.on('SIGTERM', () => behaviour === 'deaf' || process.exit(0))
const server = createServer((request, response) => {
  if (request.url === '/version') return response.end(version + ' ' + process.env.RELEASE)
  if (request.url === '/env') return response.end(process.env.GREETING)
  if (request.url === '/readyz' && behaviour === 'flapping') {
    flips += 1
    response.statusCode = flips % 2 ? 200 : 503
    return response.end(flips % 2 ? 'ok' : 'flaps')
  }
  if (request.url === '/token') return response.end(readFileSync('/run/secrets/token', 'utf8'))
  response.statusCode = behaviour === 'unready' ? 503 : 200
  response.end(behaviour === 'unready' ? 'no pool' : 'ok')
})
// The hungry one never gets as far as that.
if (behaviour !== 'hungry') server.listen(8080, () => console.log('listening'))
`

const webCompose = `# The web service.
services:
  web:
    image: \${NODE_IMAGE}
    command: [node, /app/server.js]
    environment:
      RELEASE: \${RELEASE:-}
      GREETING: \${GREETING}
    secrets: [token]
    volumes:
      - ./server.js:/app/server.js:ro
      - ./behaviour.json:/app/behaviour.json:ro
    networks: [backend]
    deploy: { resources: { limits: { memory: 96M } } }
    restart: unless-stopped
    stop_grace_period: 3s
secrets:
  token: { environment: TOKEN }
networks:
  backend: { external: true }
`

const configuration = `configuration:
  environment_variables: { RELEASE: "\${release}", GREETING: "\${GREETING}" }
  secrets: [TOKEN]
`

const tinyCompose = (image: string) => `services:
  web:
    image: ${image}
    command: [httpd, -f, -p, '8080', -h, /app]
    stop_signal: SIGKILL
    volumes: ['./behaviour.json:/app/version:ro', './behaviour.json:/app/readyz:ro', /scratch]
    networks: [backend]
    restart: unless-stopped
networks:
  backend: { external: true }
`

const cacheCompose = `services:
  cache:
    image: \${BUSYBOX_IMAGE}
    command: [sh, -c, "echo up >> /data/starts; exec httpd -f -p 8000 -h /data"]
    volumes: ["data:/data"]
    networks: [backend]
    healthcheck: { test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:8000/starts"], interval: 1s, timeout: 3s, retries: 5 }
    restart: unless-stopped
    stop_grace_period: 1s
volumes:
  data:
networks:
  backend: { external: true }
`

const jobCompose = `services:
  job:
    image: \${BUSYBOX_IMAGE}
    command: [sh, -c, "wget -q -O - http://cache:8000/starts && echo done"]
    networks: [backend]
networks:
  backend: { external: true }
`

const postgresCompose = `services:
  postgres:
    image: \${POSTGRES_IMAGE}
    environment:
      POSTGRES_DB: shop
      POSTGRES_USER: shop
      POSTGRES_PASSWORD_FILE: /run/secrets/password
    secrets: [password]
    volumes: ["data:/var/lib/postgresql/data"]
    networks: [backend]
    healthcheck: { test: [CMD, pg_isready, -q, -h, 127.0.0.1, -U, shop], interval: 1s, timeout: 3s, retries: 30 }
    restart: unless-stopped
secrets:
  password: { environment: POSTGRES_PASSWORD }
volumes:
  data:
networks:
  backend: { external: true }
`

const proxyCompose = `services:
  proxy:
    image: \${PROXY_IMAGE}
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
    networks: [backend]
    tmpfs: [/tmp]
    read_only: true
    restart: unless-stopped
networks:
  backend: { external: true }
`

const proxyConfiguration = `pid /tmp/nginx.pid;
error_log /dev/stderr warn;
events { worker_connections 1024; }
http {
  client_body_temp_path /tmp/client;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  access_log off;
  resolver 127.0.0.11 valid=1s;
  include /tmp/routes/*.upstream;
  server {
    listen 8080;
    location = /proxy { return 200 "ok"; }
    location / {
      set $route web:8080;
      include /tmp/routes/web.location*;
      proxy_pass http://$route;
    }
  }
}
`

/** The files of the workspace by their paths, which depend on nothing but the options; `port` is the published one. */
export const filesOfDockerWorld = (
  port: number,
  { services = ['cache', 'job'], database, hooks, keep, health, overlap, tiny }: DockerWorldOptions,
) => {
  const needs = [...services.filter((one) => one === 'cache'), ...(database ? ['postgres'] : [])]
  const own: Record<string, string> = {
    'config/services/web.yaml': `name: web
category: applications
dependencies: [${needs.join(', ')}]
docker:
  path: infrastructure/docker/applications/web
  networks: [backend]
  ports: [{ name: http, container: 8080${overlap ? '' : `, host: ${port}`} }]
${overlap ? 'rollout: overlap\n' : ''}${tiny ? '' : configuration}health:
  probes: [{ type: http, path: /readyz, timeout: 2s }]
  ${health ?? 'interval: 200ms\n  passes: 2\n  deadline: 40s'}
`,
    'infrastructure/docker/applications/web/compose.yaml': tiny ? tinyCompose(tiny) : webCompose,
    ...(!tiny && { 'infrastructure/docker/applications/web/server.js': server }),
    'config/environments/dev.yaml': `name: dev
platform: docker
${database ? 'database: { service: postgres }\n' : ''}deploy: { keep: ${keep ?? 5}, hooks: ${hooks ?? '{}'} }
`,
  }
  if (overlap) {
    own['config/services/proxy.yaml'] = `name: proxy
category: infrastructure
docker:
  path: infrastructure/docker/infrastructure/proxy
  dependencies: [web]
  networks: [backend]
  ports: [{ name: http, container: 8080, host: ${port} }]
  proxy: { adapter: nginx, routes: [{ service: web }] }
health: { probes: [{ type: http, path: /proxy }], interval: 200ms, passes: 1, deadline: 40s }
`
    own['infrastructure/docker/infrastructure/proxy/compose.yaml'] = proxyCompose
    own['infrastructure/docker/infrastructure/proxy/nginx.conf'] = proxyConfiguration
  }
  if (services.includes('cache')) {
    own['config/services/cache.yaml'] = `name: cache
category: storage
docker: { path: infrastructure/docker/storage/cache, networks: [backend], ports: [{ container: 8000 }] }
health: { interval: 200ms, passes: 1, deadline: 40s }
`
    own['infrastructure/docker/storage/cache/compose.yaml'] = cacheCompose
  }
  if (services.includes('job')) {
    own['config/services/job.yaml'] = `name: job
category: utilities
dependencies: [cache]
docker: { path: infrastructure/docker/utilities/job, networks: [backend], oneShot: true }
health: { deadline: 40s }
`
    own['infrastructure/docker/utilities/job/compose.yaml'] = jobCompose
  }
  if (database) {
    own['config/services/postgres.yaml'] = `name: postgres
category: databases
docker: { path: infrastructure/docker/databases/postgres, networks: [backend], ports: [{ name: sql, container: 5432 }] }
database: { name: shop, user: shop, password: POSTGRES_PASSWORD }
configuration: { secrets: [POSTGRES_PASSWORD] }
health: { probes: [{ type: postgres }], interval: 200ms, passes: 1, deadline: 60s }
`
    own['infrastructure/docker/databases/postgres/compose.yaml'] = postgresCompose
    own['database/migrations/001_create.sql'] =
      '-- migrate:up\ncreate table hits (n int);\n-- migrate:down\ndrop table hits;\n'
  }
  return own
}
