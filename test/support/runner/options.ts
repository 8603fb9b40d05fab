import { parseArgs } from 'node:util'

/** What `npm test --` was asked for. Times in milliseconds. */
export type Options = {
  filters: string[]
  long: 'without' | 'with' | 'only'
  jobs: number
  /** How many failed files may be run once more. */
  retries: number
  root: string | undefined
  build: boolean
  testMs: number
  graceMs: number
}

/** How to call the runner. */
export const usage = `npm test -- [filter…] [--long | --only-long] [--jobs N] [--no-build]

  filter         runs the files whose path contains it; with several, any of them
  --long         adds the long suites (*.long.test.ts)
  --only-long    runs the long suites alone
  --jobs N       files at a time (2)
  --retries N    runs up to N failed files once more, alone; with more, none (0)
  --no-build     does not build dist first
  --limit MS     the time of a test that sets none (60000)
  --grace MS     what a blocked or lingering process gets beyond it (15000)
  --root DIR     runs DIR/test/**/*.test.ts of another folder, without a build`

/** Reads the arguments; a text says what is wrong with them. */
export function parseOptions(argv: string[]): Options | string {
  try {
    const { values, positionals } = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        long: { type: 'boolean', default: false },
        'only-long': { type: 'boolean', default: false },
        jobs: { type: 'string', default: '2' },
        retries: { type: 'string', default: '0' },
        'no-build': { type: 'boolean', default: false },
        limit: { type: 'string', default: '60000' },
        grace: { type: 'string', default: '15000' },
        root: { type: 'string' },
      },
    })
    const retries = Number(values.retries)
    if (!Number.isInteger(retries) || retries < 0) return '--retries must be a whole number'
    const [jobs, testMs, graceMs] = [values.jobs, values.limit, values.grace].map(Number)
    if (!isCount(jobs) || !isCount(testMs) || !isCount(graceMs)) return 'a count must be a whole number above 0'
    return {
      filters: positionals,
      long: values['only-long'] ? 'only' : values.long ? 'with' : 'without',
      jobs,
      retries,
      root: values.root,
      build: !values['no-build'] && values.root === undefined,
      testMs,
      graceMs,
    }
  } catch (error) {
    return (error as Error).message
  }
}

const isCount = (value: number | undefined): value is number => Number.isInteger(value) && Number(value) > 0
