import type { Path } from '../../manifest/yaml-file.ts'
import { list, mapping } from './file.ts'

/** What of a Compose file is not understood, with where it is and what to do. */
export type Refusal = { at: Path; message: string; why: string; next?: string[] }

/** Keys of services that would do something else than they say, and why. */
const refusedKeys: Record<string, { why: string; next: string }> = {
  extends: { why: 'a service of a release is one by itself', next: 'write it out, or share it with a YAML anchor' },
  container_name: {
    why: 'the new container is made while the old one is kept',
    next: 'leave it out; other services reach it under its name in the catalogue',
  },
  env_file: {
    why: 'a record of a release holds no secret, and keeps all else',
    next: 'name its variables under configuration (environment_variables, secrets) and use ${NAME}',
  },
}

/** What cannot be run as it is written. */
export function refusals(whole: Record<string, unknown>): Refusal[] {
  const found: Refusal[] = []
  if (whole.include !== undefined) {
    const why = 'a service has one Compose file'
    found.push({
      at: ['include'],
      message: '`include` is not supported',
      why,
      next: ['make each file a service of the catalogue'],
    })
  }
  for (const [name, raw] of Object.entries(mapping(whole.services))) {
    const service = mapping(raw)
    for (const [key, { why, next }] of Object.entries(refusedKeys)) {
      if (service[key] === undefined) continue
      found.push({ at: ['services', name, key], message: `\`${key}\` is not supported`, why, next: [next] })
    }
    if (service.network_mode === 'host' || String(service.network_mode ?? '').includes(':')) {
      const why = 'only declared networks are joined'
      found.push({ at: ['services', name, 'network_mode'], message: 'this `network_mode` is not supported', why })
    }
    for (const [index, port] of list(service.ports).entries()) {
      if (typeof port !== 'string' || !/\d-\d/.test(port.replace(/\$\{[^}]*\}/g, ''))) continue
      const why = 'each port is checked, and may be moved'
      found.push({ at: ['services', name, 'ports', index], message: 'ranges of ports are not supported', why })
    }
  }
  for (const [name, raw] of Object.entries(mapping(whole.secrets))) {
    const secret = mapping(raw)
    if (typeof secret.environment === 'string') continue
    const why = 'secrets come from the secret providers of the environment, and no file of the workspace holds one'
    const next = [`${name}: { environment: NAME }, with NAME among the secrets of the service`]
    found.push({ at: ['secrets', name], message: `the secret \`${name}\` is none that can be given`, why, next })
  }
  for (const [name, raw] of Object.entries(mapping(whole.configs))) {
    if (mapping(raw).external !== true) continue
    const why = 'an engine without Swarm has none'
    found.push({ at: ['configs', name], message: `the config \`${name}\` is external`, why })
  }
  return found
}
