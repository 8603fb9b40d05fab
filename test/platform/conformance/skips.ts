import type { PlatformName } from '../../../lib/model/environment.ts'
import { isReal } from './kubernetes-world.ts'

/** What a platform cannot do, by the case that would show it, and why. Everything that is not here, all of them do. */
export const skips: Readonly<Record<string, Partial<Record<PlatformName, string>>>> = {
  'what a failed up has replaced runs again': {
    local: 'a process that was replaced has ended, and nothing of it is kept',
    kubernetes: 'a cluster runs releases, and up replaces nothing by the working tree',
  },
  'another clone goes back from a deploy whose process was killed': {
    local: 'lock and releases are files of the one workspace folder',
  },
  'resilient: a failed service takes down exactly what depends on it': isReal
    ? { kubernetes: 'the registry of a real cluster cannot be made to lose an image' }
    : {},
  'resume brings up what was left, and touches nothing else': isReal
    ? { kubernetes: 'the registry of a real cluster cannot be made to lose an image' }
    : {},
}
