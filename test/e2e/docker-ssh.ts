/** A docker world's engine as it is reached from another machine: through a real OpenSSH server on loopback. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../support/index.ts'
import { type Sshd, startSshd } from '../support/sshd.ts'
import type { DockerWorld } from './docker-world.ts'

/** Starts the server; `env` leads `task` to the engine through it. Skips where OpenSSH's server is not installed. */
export async function throughSsh(world: DockerWorld): Promise<{ sshd: Sshd; env: Record<string, string> }> {
  const sshd = await startSshd({ DOCKER_HOST: world.engine.host, PATH: '/usr/local/bin:/usr/bin:/bin' })
  const home = temporaryFolder()
  const { host, port, identity, knownHosts } = sshd.place
  // ssh takes the account's own home, whatever HOME says: its settings are given to it.
  const settings = ['Host 127.0.0.1', `IdentityFile ${identity}`, `UserKnownHostsFile ${knownHosts}`]
  writeFileSync(join(home, 'config'), `${settings.join('\n  ')}\n`)
  mkdirSync(join(home, 'bin'))
  writeFileSync(join(home, 'bin/ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${join(home, 'config')} "$@"\n`, {
    mode: 0o755,
  })
  return {
    sshd,
    env: { DOCKER_HOST: `ssh://${host}:${port}`, HOME: home, PATH: `${join(home, 'bin')}:${process.env.PATH}` },
  }
}
