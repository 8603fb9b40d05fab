/** A position in the WAL, in bytes from its beginning. */
export type Position = bigint

/** What the name of a WAL file says (`00000001000000A5000000FE`): its timeline, and which segment of the WAL it is. */
export type SegmentName = { timeline: number; index: number }

const pattern = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/

/** How many segments share the middle eight digits of their names (xlog_internal.h: XLogSegmentsPerXLogId). */
const perLog = (segmentBytes: number): number => 0x1_0000_0000 / segmentBytes

/** Reads the name of a WAL file; undefined for any other name. */
export function parseSegment(name: string, segmentBytes: number): SegmentName | undefined {
  const [, timeline, log, segment] = pattern.exec(name) ?? []
  if (timeline === undefined || log === undefined || segment === undefined) return undefined
  return {
    timeline: Number.parseInt(timeline, 16),
    index: Number.parseInt(log, 16) * perLog(segmentBytes) + Number.parseInt(segment, 16),
  }
}

/** The name of a WAL file. */
export function segmentName({ timeline, index }: SegmentName, segmentBytes: number): string {
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, '0')
  return `${hex(timeline)}${hex(Math.floor(index / perLog(segmentBytes)))}${hex(index % perLog(segmentBytes))}`
}

/** The name of the WAL file that follows. */
export function nextSegment(name: string, segmentBytes: number): string {
  const { timeline, index } = parseSegment(name, segmentBytes) as SegmentName
  return segmentName({ timeline, index: index + 1 }, segmentBytes)
}

/** Reads a position as PostgreSQL writes it: `0/16B3748`. */
export function parsePosition(text: string): Position {
  const [high = '', low = ''] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`)
}

/** Where a WAL file begins. */
export const startOf = (name: string, segmentBytes: number): Position =>
  BigInt((parseSegment(name, segmentBytes) as SegmentName).index) * BigInt(segmentBytes)
