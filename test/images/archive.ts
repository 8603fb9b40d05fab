import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from '../support/docker.ts'
import { repository } from '../support/folders.ts'
import { identityOf, type LayerContent, writeLayer } from './layer.ts'

/** An image of the tests: what its layers hold (each upon the one before), and what a container of it does. `settings` are those of an
 * image's configuration. The archive of a `passing` one is not kept: each revision of a service would leave one of 100 MB.
 */
export type Image = {
  name: string
  layers: readonly LayerContent[]
  settings: Readonly<Record<string, unknown>>
  passing?: true
}

const folder = join(repository, '.cache', 'docker-images')
const digest = (text: string) => createHash('sha256').update(text).digest('hex')

/**
 * Has an image in an engine and returns its name, `vital-ops-test/<name>:<digest of what it is made of>`. It is built once for this machine's
 * programs and kept under .cache; the same content gives the same image id in every engine, whoever loads it first.
 */
export async function load(engine: Engine, image: Image): Promise<string> {
  const version = digest(
    JSON.stringify([process.arch, image.name, image.settings, image.layers.map(identityOf)]),
  ).slice(0, 12)
  const name = `vital-ops-test/${image.name}:${version}`
  if ((await engine.try(['image', 'inspect', '--format', '{{.Id}}', name])).status === 0) return name
  const archive = join(folder, `${image.name}-${version}${image.passing ? `-${process.pid}` : ''}.tar`)
  if (!existsSync(archive)) await build(image, name, archive)
  await engine.docker(['load', '--quiet', '--input', archive])
  if (image.passing) rmSync(archive, { force: true })
  return name
}

/** Writes an archive as `docker save` does. */
async function build(image: Image, name: string, archive: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(folder, '.building-'))
  try {
    const out = join(work, 'out')
    mkdirSync(out)
    const below = new Set<string>()
    const layers: { file: string; id: string }[] = []
    for (const [index, content] of image.layers.entries()) {
      const file = `layer-${index}.tar`
      const stage = join(work, `stage-${index}`)
      mkdirSync(stage)
      for (const taken of writeLayer(content, join(out, file), stage, below)) below.add(taken)
      rmSync(stage, { recursive: true, force: true })
      layers.push({ file, id: await sha256(join(out, file)) })
    }
    const configuration = JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      // Always the same, so that the image's id is.
      created: '2026-01-01T00:00:00Z',
      config: image.settings,
      rootfs: { type: 'layers', diff_ids: layers.map(({ id }) => `sha256:${id}`) },
      history: layers.map(({ file }) => ({ created: '2026-01-01T00:00:00Z', created_by: `${image.name} ${file}` })),
    })
    const config = `${digest(configuration)}.json`
    writeFileSync(join(out, config), configuration)
    const manifest = [{ Config: config, RepoTags: [name], Layers: layers.map(({ file }) => file) }]
    writeFileSync(join(out, 'manifest.json'), JSON.stringify(manifest))
    const written = join(work, 'archive.tar')
    execFileSync('tar', ['--create', '--file', written, '--directory', out, '.'])
    renameSync(written, archive)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
