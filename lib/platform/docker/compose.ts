import { posix } from 'node:path'
import type { ContainerSpec, Fingerprint, RunSpec } from '../../model/desired.ts'
import { list, mapping } from '../../validate/compose/file.ts'
import { label } from './names.ts'

/** What a Compose file is rendered with besides its spec. */
export type RenderOptions = {
  labels: Record<string, string>
  fingerprint: Fingerprint
  run: string
  /** Where files lie on the engine's host that a container with a read-only file system sees; see `boundFiles`. */
  filesFolder: string
}

type Seen = Record<string, { text: string; mode?: number }>
type Document = Record<string, unknown> & { services: Record<string, Record<string, unknown>> }

/** The Compose file of a spec as data. */
export const composeDocument = ({ compose }: ContainerSpec): Document => JSON.parse(compose) as Document

/** The Compose file that the engine is given: images by what they are, shared networks by their name, and the labels. Holds no secret. */
export function renderCompose(spec: RunSpec, docker: ContainerSpec, options: RenderOptions): string {
  const { 'x-files': seen, ...document } = composeDocument(docker)
  const { labels, filesFolder } = options
  const own: Record<string, string> = {
    ...labels,
    [label.service]: spec.service,
    [label.run]: options.run,
    [label.fingerprint]: JSON.stringify(options.fingerprint),
    ...(spec.source.kind === 'release' && { [label.release]: String(spec.source.release) }),
  }
  const configs: Record<string, unknown> = { ...mapping(document.configs) }
  const services = Object.entries(document.services).map(([name, service]) => {
    const image = docker.images[name]
    const ports = docker.published.filter(({ of }) => of === name)
    const oneShot = name === docker.main ? spec.oneShot : isAwaited(document, name)
    return [
      name,
      {
        ...withFiles(service, mapping(mapping(seen)[name]) as Seen, { name, configs, filesFolder }),
        image: image?.identity ?? image?.reference,
        pull_policy: 'never',
        labels: { ...labelsOf(service.labels), ...escaped(own), ...(oneShot && { [label.oneShot]: 'true' }) },
        ...(ports.length > 0 && {
          ports: ports.map(({ container, host, address, protocol }) => ({
            target: container,
            published: String(host),
            protocol,
            ...(address !== undefined && { host_ip: address }),
          })),
        }),
      },
    ]
  })
  return JSON.stringify({
    ...document,
    name: docker.project,
    services: Object.fromEntries(services),
    networks: {
      ...withLabels(mapping(document.networks), labels),
      ...Object.fromEntries(Object.entries(docker.networks).map(([key, name]) => [key, { name, external: true }])),
      default: { ...mapping(mapping(document.networks).default), labels: escaped(labels) },
    },
    volumes: withLabels(mapping(document.volumes), labels),
    ...(Object.keys(configs).length > 0 && { configs }),
  })
}

/** What services with a read-only file system see of the workspace: nothing can be copied into those, so it is bound from the host. By path below the folder. */
export function boundFiles(docker: ContainerSpec): Record<string, { text: string; mode?: number }> {
  const { services, 'x-files': seen } = composeDocument(docker)
  return Object.fromEntries(
    Object.entries(mapping(seen)).flatMap(([name, files]) =>
      mapping(services[name]).read_only === true
        ? Object.entries(files as Seen).map(([path, file]) => [posix.join(name, path), file])
        : [],
    ),
  )
}

/** Whether another service of the file waits until this one has run to its end. */
const isAwaited = ({ services }: Document, name: string): boolean =>
  Object.values(services).some(
    ({ depends_on: needed }) => mapping(mapping(needed)[name]).condition === 'service_completed_successfully',
  )

function withFiles(
  service: Record<string, unknown>,
  seen: Seen,
  { name, configs, filesFolder }: { name: string; configs: Record<string, unknown>; filesFolder: string },
): Record<string, unknown> {
  const entries = Object.entries(seen)
  if (entries.length === 0) return service
  if (service.read_only === true) {
    const binds = entries.map(([target]) => ({
      type: 'bind',
      source: literal(posix.join(filesFolder, name, target)),
      target,
      read_only: true,
    }))
    return { ...service, volumes: [...list(service.volumes), ...binds] }
  }
  const used = entries.map(([target, { text, mode }], index) => {
    const source = `x-${name}-${index}`
    configs[source] = { content: literal(text) }
    return { source, target, ...(mode !== undefined && { mode }) }
  })
  return { ...service, configs: [...list(service.configs), ...used] }
}

/** Compose fills in variables everywhere; what is content stays as it is. */
const literal = (text: string): string => text.replaceAll('$', '$$$$')

const escaped = (labels: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, literal(value)]))

function labelsOf(said: unknown): Record<string, unknown> {
  if (!Array.isArray(said)) return mapping(said)
  return Object.fromEntries(
    said.map((entry) => {
      const [name = '', ...value] = String(entry).split('=')
      return [name, value.join('=')]
    }),
  )
}

const withLabels = (entries: Record<string, unknown>, labels: Record<string, string>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(entries).map(([name, options]) => {
      const own = mapping(options)
      return [name, own.external === true ? own : { ...own, labels: { ...labelsOf(own.labels), ...escaped(labels) } }]
    }),
  )

/** The services of a Compose file in the order in which they start, each with what it waits for. */
export function startOrder(docker: ContainerSpec): { name: string; waits: { name: string; condition: string }[] }[] {
  const { services } = composeDocument(docker)
  const waitsOf = (name: string) => {
    const needed = mapping(services[name]).depends_on
    const entries = Array.isArray(needed)
      ? needed.map((one) => [String(one), 'service_started'] as const)
      : Object.entries(mapping(needed)).map(
          ([one, how]) => [one, String(mapping(how).condition ?? 'service_started')] as const,
        )
    return entries.filter(([one]) => one in services).map(([one, condition]) => ({ name: one, condition }))
  }
  const ordered: string[] = []
  const visit = (name: string, above: string[]) => {
    if (ordered.includes(name) || above.includes(name)) return
    for (const needed of waitsOf(name)) visit(needed.name, [...above, name])
    ordered.push(name)
  }
  for (const name of Object.keys(services)) visit(name, [])
  return ordered.map((name) => ({ name, waits: waitsOf(name) }))
}
