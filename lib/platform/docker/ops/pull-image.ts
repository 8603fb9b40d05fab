import { ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import type { DockerContext } from '../context.ts'
import { fetchImage } from '../images.ts'
import { observeImages } from '../observe-images.ts'

/** Has the engine fetch an image. What was asked for by its digest is fetched by it, and gets the name that it is known by. */
export const pullImage = (docker: DockerContext): Handler<'pull-image'> => ({
  async run({ data: { reference, identity } }, { signal, output }) {
    const wanted = identity?.includes('@') ? identity : reference
    const pulled = await fetchImage(docker.engine, wanted, { signal, output, clock: docker.clock })
    if (!pulled.ok) return pulled
    if (wanted !== reference && !reference.includes('@')) {
      const named = await docker.engine.checked(['tag', wanted, reference], { signal })
      if (!named.ok) return named
    }
    return ok({})
  },

  async check({ data: { reference, identity } }) {
    const wanted = identity?.includes('@') ? identity : reference
    const observed = await observeImages(docker.engine, [wanted])
    if (!observed.ok) return 'unknown'
    return observed.value[wanted]?.state === 'present' ? 'done' : 'pending'
  },
})
