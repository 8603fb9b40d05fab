import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { ManifestSpec } from '../../model/desired.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { type KubernetesObject, kubernetesObjectSchema } from '../../model/kubernetes-object.ts'
import { runCommand } from '../../system/command.ts'

/** The manifests of each service as they were rendered, before anything of the environment is put into them. */
export type Rendered = Record<string, KubernetesObject[]>

/** What is rendered: a service and its manifests. */
export type ToRender = { service: string; manifests: ManifestSpec }

/**
 * Renders the manifests of services from a folder with the workspace's files. Failures, all at once: `manifest-missing`, `manifest-invalid`,
 * `kustomize-failed`.
 */
export async function renderAll(
  root: string,
  environment: string,
  services: ToRender[],
  signal?: AbortSignal,
): Promise<Result<Rendered>> {
  const results = await Promise.all(
    services.map(async ({ service, manifests }) => {
      const parts = await Promise.all(manifests.manifests.map((path) => renderPath(root, environment, path, signal)))
      return [service, parts] as const
    }),
  )
  const failures = results.flatMap(([service, parts]) =>
    parts.flatMap((part) =>
      part.ok ? [] : part.failures.map((failure): Failure => ({ ...failure, service, outcome: 'unchanged' })),
    ),
  )
  const [first, ...more] = failures
  if (first) return failed(first, ...more)
  return ok(
    Object.fromEntries(
      results.map(([service, parts]) => [service, parts.flatMap((part) => (part.ok ? part.value : []))]),
    ),
  )
}

/**
 * A file; or a folder: its overlay for the environment (`overlays/<environment>`), itself where it is a kustomization, its `base`, or all its
 * manifests in the order of their names.
 */
async function renderPath(
  root: string,
  environment: string,
  path: string,
  signal?: AbortSignal,
): Promise<Result<KubernetesObject[]>> {
  const at = join(root, path)
  const there = await stat(at).catch(() => undefined)
  if (!there)
    return failed({ code: 'manifest-missing', message: `there is no manifest ${path}`, place: { file: path } })
  if (there.isFile()) return objectsIn(await readFile(at, 'utf8'), path)
  for (const folder of [join(at, 'overlays', environment), at, join(at, 'base')]) {
    for (const name of ['kustomization.yaml', 'kustomization.yml', 'Kustomization']) {
      if (await stat(join(folder, name)).catch(() => undefined)) return kustomized(folder, path, signal)
    }
  }
  const names = (await readdir(at)).filter((name) => /\.(ya?ml|json)$/.test(name)).sort()
  const parts = await Promise.all(
    names.map(async (name) => objectsIn(await readFile(join(at, name), 'utf8'), join(path, name))),
  )
  const failures = parts.flatMap((part) => (part.ok ? [] : part.failures))
  const [first, ...more] = failures
  return first ? failed(first, ...more) : ok(parts.flatMap((part) => (part.ok ? part.value : [])))
}

async function kustomized(folder: string, path: string, signal?: AbortSignal): Promise<Result<KubernetesObject[]>> {
  const result = await runCommand(['kubectl', 'kustomize', folder], { timeoutMs: 60_000, ...(signal && { signal }) })
  if (!result.ok) return result
  if (result.value.status === 0) return objectsIn(result.value.stdout, path)
  const why = result.value.stderr.trim().split('\n').at(-1)?.replaceAll(folder, path)
  return failed({
    code: 'kustomize-failed',
    message: `${path} cannot be rendered`,
    place: { file: path },
    ...(why !== undefined && { why }),
    next: [`kubectl kustomize ${path}`],
  })
}

/** The objects of a file of YAML documents; lists are taken apart. */
function objectsIn(text: string, path: string): Result<KubernetesObject[]> {
  const objects: KubernetesObject[] = []
  const failures: Failure[] = []
  for (const document of parseAllDocuments(text, { prettyErrors: true, uniqueKeys: true })) {
    if (!('errors' in document)) continue
    const [error] = document.errors
    if (error) {
      const place = { file: path, ...(error.linePos && { line: error.linePos[0].line, column: error.linePos[0].col }) }
      failures.push({ code: 'manifest-invalid', message: `${path} is no YAML: ${error.message.split('\n')[0]}`, place })
      continue
    }
    const value: unknown = document.toJS()
    if (value === null || value === undefined) continue
    const items =
      (value as { kind?: string; items?: unknown[] }).kind === 'List'
        ? ((value as { items?: unknown[] }).items ?? [])
        : [value]
    for (const item of items) {
      const parsed = kubernetesObjectSchema.safeParse(item)
      if (parsed.success) objects.push(parsed.data)
      else {
        const issue = parsed.error.issues[0]
        failures.push({
          code: 'manifest-invalid',
          message: `${path} holds what is no Kubernetes object: ${issue?.path.join('.')}: ${issue?.message}`,
          place: { file: path },
        })
      }
    }
  }
  const [first, ...more] = failures
  return first ? failed(first, ...more) : ok(objects)
}
