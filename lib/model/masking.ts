import { z } from 'zod'

/** What values are replaced by: the kinds of made-up values. */
export const fakeKinds = [
  'first-name',
  'last-name',
  'full-name',
  'email',
  'username',
  'phone',
  'company',
  'street',
  'city',
  'postcode',
  'ip',
  'url',
  'card',
  'date',
  'words',
  'pattern',
] as const
/** One of `fakeKinds`. */
export type FakeKind = (typeof fakeKinds)[number]

const kinds = z.enum([...fakeKinds, 'hash'])

/** What becomes of a column's values. */
export const maskSchema = z.union([
  z.enum([...fakeKinds, 'hash', 'keep']),
  z.null(),
  z.strictObject({ text: z.string().describe('This text in every row') }),
  z.strictObject({ keep: z.string().min(1).describe('Kept, and not scanned; says why') }),
  z.strictObject({
    mask: kinds,
    group: z
      .string()
      .min(1)
      .describe('Equal values of one group become equal; default is the kind, so that all columns of a kind are one'),
  }),
])
/** One mask, as the file says it. */
export type Mask = z.output<typeof maskSchema>

const tableSchema = z.strictObject({
  columns: z.record(z.string(), maskSchema).default({}),
  rows: z.enum(['all', 'none']).default('all').describe('`none`: the table is emptied, and no rows come'),
})

/** Which rows are taken, where not all are. */
export const subsetSchema = z.strictObject({
  rows: z
    .record(z.string(), z.string().min(1))
    .default({})
    .describe('Tables to begin with, each with a condition in SQL: `id < 1000`'),
  children: z
    .record(z.string(), z.string().min(1))
    .default({})
    .describe('Of tables that refer to taken rows: `all` (the default), `none`, or a condition in SQL'),
  others: z.enum(['all', 'none']).default('all').describe('Tables that have nothing to do with those'),
})
/** Which rows are taken. */
export type Subset = z.output<typeof subsetSchema>

/** A file that says what `task data sync` does with columns. */
export const maskingSchema = z
  .strictObject({
    tables: z.record(z.string(), tableSchema).default({}).describe('What becomes of columns, by table'),
    subset: subsetSchema.optional().describe('Which rows are taken; default is all'),
  })
  .describe('Masks of `task data sync`')
/** A masking file, with defaults filled in. */
export type Masking = z.output<typeof maskingSchema>

/** Whether a mask leaves values as they are. */
export const isKept = (mask: Mask | undefined): boolean =>
  mask === undefined || mask === 'keep' || (typeof mask === 'object' && mask !== null && 'keep' in mask)

/** Whether values of the column are left out of the scan, because the file says why they are no secret. */
export const isUnscanned = (mask: Mask | undefined): boolean =>
  typeof mask === 'object' && mask !== null && 'keep' in mask

/** A mask in a few words: `email`, `null`, `text 'x'`, `email in customers`. */
export function maskText(mask: Mask): string {
  if (mask === null) return 'null'
  if (typeof mask === 'string') return mask
  if ('text' in mask) return `text ${JSON.stringify(mask.text)}`
  if ('keep' in mask) return 'keep'
  return `${mask.mask} in ${mask.group}`
}
