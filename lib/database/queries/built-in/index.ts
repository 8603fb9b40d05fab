import { activityQueries } from './activity.ts'
import { storageQueries } from './storage.ts'

/** The diagnostics that every workspace has without a file of its own, by name: text with a header, as a file would be. */
export const builtInQueries: Readonly<Record<string, string>> = { ...activityQueries, ...storageQueries }
