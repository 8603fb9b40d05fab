import { z } from 'zod'

/** Names of services, environments, ports and workspaces: they end up in folder, network and DNS names (RFC 1123 labels). */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, 'expected lower-case letters, digits and inner hyphens, 40 at most')

/** A TCP port. */
export const portSchema = z.int().min(1).max(65_535)

/**
 * A span like `10s`, `5m`, `1m30s`. Kept as text in configuration; `parseDuration` gives milliseconds. It is a pattern, the same as
 * `parseDuration` has, so that the JSON Schemas carry it.
 */
export const durationSchema = z
  .string()
  .regex(/^(\d+(\.\d+)?(ms|s|m|h|d))+$/, 'expected a duration like 250ms, 10s, 5m, 2h or 7d')

/** The name of an environment variable. */
export const variableSchema = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected a variable name')
