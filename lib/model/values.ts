import { z } from 'zod'

/** What names look like; see `nameSchema`. */
export const namePattern = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/

/** Names of services, environments, ports and workspaces: they end up in folder, network and DNS names (RFC 1123 labels). */
export const nameSchema = z
  .string()
  .regex(namePattern, 'expected lower-case letters, digits and inner hyphens, 40 at most')

/** A TCP port. */
export const portSchema = z.int().min(1).max(65_535)

/** What spans look like; the same as `parseDuration` reads, so that the JSON Schemas carry it. */
export const durationPattern = /^(\d+(\.\d+)?(ms|s|m|h|d))+$/

/** A span like `10s`, `5m`, `1m30s`. Kept as text in configuration; `parseDuration` gives milliseconds. */
export const durationSchema = z.string().regex(durationPattern, 'expected a duration like 250ms, 10s, 5m, 2h or 7d')

/** What names of environment variables look like (POSIX.1-2017, 8.1). */
export const variablePattern = /^[A-Za-z_][A-Za-z0-9_]*$/

/** The name of an environment variable. */
export const variableSchema = z
  .string()
  .regex(variablePattern, 'expected letters, digits and underscores, no digit first')
