import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { jsonSchemaText, schemaNames } from '../../lib/validate/json-schema.ts'

for (const name of schemaNames) {
  test(`schemas/${name}.json is what the zod schema gives (npm run schemas writes it)`, () => {
    assert.fixture(readFileSync(`schemas/${name}.json`, 'utf8'), jsonSchemaText(name))
  })
}

test('the schemas describe what is written: defaults are not required, unknown keys are refused', () => {
  const service = JSON.parse(jsonSchemaText('service'))
  assert.equal(service.required, ['name', 'category'])
  assert.is(service.additionalProperties, false)
  assert.is(service.properties.local.properties.grace.pattern, '^(\\d+(\\.\\d+)?(ms|s|m|h|d))+$')
  const environment = JSON.parse(jsonSchemaText('environment'))
  assert.equal(environment.required, ['name', 'platform'])
})

test('every property of the first level says what it is for', () => {
  for (const name of schemaNames) {
    const { properties } = JSON.parse(jsonSchemaText(name))
    for (const [key, property] of Object.entries(properties)) {
      assert.ok((property as { description?: string }).description, `${name}: ${key}`)
    }
  }
})

test.run()
