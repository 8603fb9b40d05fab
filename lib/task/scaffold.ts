import { entryScript, entryScripts } from './entry-scripts.ts'

/** A file of a new workspace. `append`: its lines are added to a file that exists. */
export type ScaffoldFile = { path: string; content: string; mode?: number; append?: boolean }

/** The files of a workspace to begin with: one service, one environment, and the scripts of `bin/`. */
export function scaffold({ name, id }: { name: string; id: string }): ScaffoldFile[] {
  const schema = (of: string, up: string) =>
    `# yaml-language-server: $schema=${up}node_modules/vital-ops/schemas/${of}.json\n`
  return [
    { path: 'Taskfile.ts', content: taskfile },
    { path: 'config/workspace.yaml', content: `${schema('workspace', '../')}${workspace(name, id)}` },
    { path: 'config/environments/dev.yaml', content: `${schema('environment', '../../')}${environment}` },
    { path: 'config/environments/.env.dev.example', content: example },
    { path: 'config/services/app.yaml', content: `${schema('service', '../../')}${service}` },
    { path: 'services/app/main.mjs', content: program },
    ...Object.entries(entryScripts).map(([script, words]) => ({
      path: `bin/${script}`,
      content: entryScript(words),
      mode: 0o755,
    })),
    { path: '.gitignore', content: ignored, append: true },
  ]
}

/** A name that folders, networks and DNS take (RFC 1123), from any text: `@acme/My Shop` → `my-shop`. */
export function workspaceName(text: string): string {
  const last = text.slice(text.lastIndexOf('/') + 1).toLowerCase()
  const name = last.replace(/[^a-z0-9]+/g, '-').slice(0, 40)
  return name.replace(/^-+|-+$/g, '') || 'workspace'
}

const taskfile = `import { task } from 'vital-ops'
import { operations } from 'vital-ops/operations'

// setup, services, deploy, rollback, health-check, migrate …: see \`task --list\`.
export default operations()

export const check = task({
  description: 'All that has to hold before a push',
  async run({ $ }) {
    await $\`node --check services/app/main.mjs\`
  },
})
`

const workspace = (name: string, id: string): string => `name: ${name}
# Everything that this workspace creates anywhere is named after it; never change it, never copy it into another workspace.
id: ${id}
`

const environment = `name: dev
description: A developer's machine
platform: local
values:
  GREETING: Hello
deploy:
  keep: 3
`

const example = `# The values of dev that are not for the repository: \`task setup dev\` writes .env.dev from this, and never overwrites it.

# Signs what the app hands out.
# generate: 32
APP_SECRET=
`

const service = `name: app
category: applications
description: The first service
local:
  command: [node, main.mjs]
  directory: services/app
  ports: { http: 18090 }
configuration:
  environment_variables:
    PORT: \${ports.http}
    GREETING: \${GREETING}
    RELEASE: \${release}
  secrets: [APP_SECRET]
health:
  probes:
    - { type: http, path: /healthz }
  interval: 500ms
`

const program = `import { createServer } from 'node:http'

const server = createServer((request, response) => {
  if (request.url === '/healthz') {
    response.end('ok')
    return
  }
  response.end(\`\${process.env.GREETING} from release \${process.env.RELEASE ?? 'none'}\\n\`)
})
server.listen(Number(process.env.PORT), '127.0.0.1')
process.on('SIGTERM', () => server.close())
`

const ignored = `# vital-ops: state, and values that are not for the repository
.ops/
.env.*
!.env.*.example
node_modules/
`
