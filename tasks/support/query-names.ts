import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readQueries } from '../../lib/database/queries/catalogue.ts'
import { findWorkspace } from '../../lib/system/workspace-files.ts'
import type { Scope } from './flags.ts'

/** The names of a workspace's queries, for completion; those that come with the product where there is no workspace. */
export async function queryNames({ workspace }: Scope): Promise<string[]> {
  const said = workspace instanceof URL ? fileURLToPath(workspace) : workspace
  const found = await findWorkspace({ cwd: resolve(said ?? '.'), env: process.env })
  const entries = await readQueries(found.ok ? found.value : '/nonexistent')
  return entries.ok ? entries.value.map(({ name }) => name) : []
}
