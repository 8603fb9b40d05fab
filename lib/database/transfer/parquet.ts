import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { ParquetWriter } from 'hyparquet-writer'
import { FailureError } from '../../model/failure.ts'
import { decodeField } from '../sync/copy-text.ts'

/** A column as a query gives it: its name, and its type's oid. */
export type ParquetColumn = { name: string; type: number }

type SchemaElement = ConstructorParameters<typeof ParquetWriter>[0]['schema'][number]
type Convert = (text: string) => unknown
type Kind = { element: Omit<SchemaElement, 'name'>; convert: Convert }

const text: Kind = { element: { type: 'BYTE_ARRAY', converted_type: 'UTF8' }, convert: (value) => value }
const timestamp = (isAdjustedToUTC: boolean): Kind => ({
  element: { type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC, unit: 'MICROS' } },
  convert: micros,
})

/** By the oids of pg_type.dat, which do not change. What is not here is written as its text: numeric exactly, JSON as it is. */
const kinds: Readonly<Record<number, Kind>> = {
  16: { element: { type: 'BOOLEAN' }, convert: (value) => value === 't' },
  21: { element: { type: 'INT32' }, convert: Number },
  23: { element: { type: 'INT32' }, convert: Number },
  20: { element: { type: 'INT64' }, convert: BigInt },
  700: { element: { type: 'FLOAT' }, convert: float },
  701: { element: { type: 'DOUBLE' }, convert: float },
  1082: {
    element: { type: 'INT32', converted_type: 'DATE' },
    convert: (value) => Number(micros(value) / 86_400_000_000n),
  },
  1114: timestamp(false),
  1184: timestamp(true),
}

const batch = { rows: 50_000, bytes: 16 * 1024 * 1024 }

/** Writes rows of COPY's text format into a Parquet file, a row group at a time; times are to be ISO and of UTC. */
export class ParquetFile {
  private readonly values: unknown[][]
  private rows = 0
  private gathered = 0
  private written = 0
  private readonly hash = createHash('sha256')
  private readonly handle: FileHandle
  private readonly columns: readonly ParquetColumn[]
  private writer: Awaited<ReturnType<typeof open>> | undefined

  constructor(handle: FileHandle, columns: readonly ParquetColumn[]) {
    this.handle = handle
    this.columns = columns
    this.values = columns.map(() => [])
  }

  /** Takes whole rows. Throws `parquet-value` for what the format has no word for. */
  async write(piece: Buffer): Promise<void> {
    for (const line of piece.toString('latin1').split('\n').slice(0, -1)) {
      for (const [at, field] of line.split('\t').entries()) {
        const value = decodeField(field)
        this.values[at]?.push(value === null ? null : this.convert(at, value))
      }
      this.rows += 1
    }
    this.gathered += piece.length
    if (this.rows >= batch.rows || this.gathered >= batch.bytes) await this.flush()
  }

  /** Writes the rest. Returns what there is in the file. */
  async end(): Promise<{ bytes: number; sha256: string }> {
    await this.flush()
    const writer = await this.open()
    writer.parquet.finish()
    await this.drain()
    return { bytes: this.written, sha256: this.hash.digest('hex') }
  }

  private convert(at: number, value: string): unknown {
    const column = this.columns[at] as ParquetColumn
    try {
      return (kinds[column.type] ?? text).convert(value)
    } catch {
      throw new FailureError({
        code: 'parquet-value',
        message: `Parquet has no word for ${JSON.stringify(value)} of the column ${column.name}`,
        next: ['the same with --format csv, or jsonl'],
      })
    }
  }

  private async open() {
    this.writer ??= await open(this.columns)
    return this.writer
  }

  private async flush(): Promise<void> {
    if (this.rows === 0) return
    const { parquet } = await this.open()
    const columnData = this.columns.map(({ name }, at) => ({ name, data: this.values[at] ?? [] }))
    parquet.write({ columnData, rowGroupSize: this.rows })
    for (const column of this.values) column.length = 0
    this.rows = 0
    this.gathered = 0
    await this.drain()
  }

  /** What is encoded goes into the file, so that no more than a row group is kept. */
  private async drain(): Promise<void> {
    const { bytes } = await this.open()
    const piece = Buffer.from(new Uint8Array(bytes.buffer, 0, bytes.index))
    bytes.index = 0
    this.hash.update(piece)
    this.written += piece.length
    await this.handle.writeFile(piece)
  }
}

/** Loaded late: only exports as Parquet need it. */
async function open(columns: readonly ParquetColumn[]) {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer')
  const bytes = new ByteWriter()
  const elements = columns.map(
    ({ name, type }): SchemaElement => ({ ...(kinds[type] ?? text).element, name, repetition_type: 'OPTIONAL' }),
  )
  const schema: SchemaElement[] = [{ name: 'root', num_children: columns.length }, ...elements]
  return { bytes, parquet: new ParquetWriter({ writer: bytes, schema, createdBy: 'vital-ops' }) }
}

function float(value: string): number {
  return value === 'Infinity'
    ? Number.POSITIVE_INFINITY
    : value === '-Infinity'
      ? Number.NEGATIVE_INFINITY
      : Number(value)
}

/** Microseconds since 1970 of `2026-11-20`, `2026-11-20 12:00:00.123456` or `…+00`. Throws for infinity and for years that a Date does not read. */
function micros(value: string): bigint {
  const [, day, seconds = '00:00:00', fraction = ''] =
    /^(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d:\d\d)(?:\.(\d+))?(?:\+00)?)?$/.exec(value) ?? []
  if (day === undefined) throw new RangeError(value)
  return BigInt(Date.parse(`${day}T${seconds}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0'))
}
