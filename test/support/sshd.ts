import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { SftpPlace } from '../../lib/backup/targets/sftp-connection.ts'
import { temporaryFolder } from './folders.ts'
import { freePort } from './network.ts'
import { killTree } from './processes.ts'
import { start } from './programs.ts'
import { skip } from './session.ts'
import { until } from './until.ts'

const daemon = '/usr/sbin/sshd'

/** A real OpenSSH server that lets in one key, which was made for it. `pid` is the daemon's. */
export type Sshd = { place: Omit<SftpPlace, 'path'>; pid: number; stop(): Promise<void> }

/**
 * Starts a server on loopback, which serves files alone; skips where OpenSSH's is not installed.
 *
 * @param commands it runs commands, with these variables
 */
export async function startSshd(commands?: Record<string, string>): Promise<Sshd> {
  if (!existsSync(daemon)) skip('openssh-server is not installed')
  // Where it puts its unprivileged half; the package's own service makes it.
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const folder = temporaryFolder()
  const at = (name: string) => join(folder, name)
  for (const name of ['host', 'user']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)])
  const port = await freePort()
  const key = (name: string) => execFileSync('ssh-keygen', ['-y', '-f', at(name)], { encoding: 'utf8' })
  writeFileSync(at('authorized'), key('user'))
  writeFileSync(at('known'), `[127.0.0.1]:${port} ${key('host')}`)
  writeFileSync(
    at('config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${at('host')}`,
      `AuthorizedKeysFile ${at('authorized')}`,
      'PidFile none',
      'UsePAM no',
      'StrictModes no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'Subsystem sftp internal-sftp',
      ...(commands ? ['MaxSessions 100', 'MaxStartups 100', setEnv(commands)] : ['ForceCommand internal-sftp']),
      '',
    ].join('\n'),
  )
  const server = start([daemon, '-D', '-e', '-f', at('config')], { timeout: 600_000 })
  await until(() => server.stderr().includes('Server listening'), { what: 'sshd to listen' })
  const place = { host: `${userInfo().username}@127.0.0.1`, port, identity: at('user'), knownHosts: at('known') }
  return { place, pid: server.pid, stop: () => killTree(server.pid) }
}

const setEnv = (variables: Record<string, string>): string =>
  `SetEnv ${Object.entries(variables)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}`
