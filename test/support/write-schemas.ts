import { mkdirSync, writeFileSync } from 'node:fs'
import { jsonSchemaText, schemaNames } from '../../lib/validate/json-schema.ts'

// Writes schemas/*.json into the current folder: `npm run schemas`.
mkdirSync('schemas', { recursive: true })
for (const name of schemaNames) writeFileSync(`schemas/${name}.json`, jsonSchemaText(name))
