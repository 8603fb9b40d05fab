import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dataPieces } from '../../lib/backup/restore/dump-script.ts'
import { note } from '../support/index.ts'

const script = [
  '--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nSET statement_timeout = 0;\n\n-- Data for Name: a; Type: TABLE DATA\n\n',
  'COPY public.a (id, "t\nCOPY x") FROM stdin;\n',
  '1\tone\n2\tа\\\\.\n\\N\t\\\\.\n\\\\.\tx\n',
  '\\.\n\n\n',
  'COPY public.empty (id) FROM stdin;\n',
  '\\.\n\n\n',
  'COPY public.b (id) FROM stdin;\n',
  '7\n',
  '\\.\n\n\n',
  "SELECT pg_catalog.setval('public.s', 3, true);\n\n\\unrestrict abc\n",
]

async function read(text: Buffer, size: number): Promise<string[]> {
  const found: string[] = []
  const chunks = (function* () {
    for (let at = 0; at < text.length; at += size) yield text.subarray(at, at + size)
  })()
  let rows = ''
  for await (const piece of dataPieces(chunks as unknown as AsyncIterable<Uint8Array>)) {
    if (piece.kind === 'rows') {
      const text = Buffer.concat(piece.rows).toString()
      assert.ok(text.endsWith('\n'), 'rows come in whole lines')
      rows += text
    } else if (piece.kind === 'end') {
      found.push(rows)
      rows = ''
    } else found.push(piece.kind === 'sql' ? piece.text.replace(/--.*/g, '').trim() : piece.sql)
  }
  return found
}

test('a script of data comes apart in the same way, however it is cut', async () => {
  const whole = Buffer.from(script.join(''))
  for (let size = 1; size <= whole.length; size += 1) {
    assert.equal(
      await read(whole, size),
      [
        'SET statement_timeout = 0;',
        'COPY public.a (id, "t\nCOPY x") FROM stdin;',
        script[2],
        '',
        'COPY public.empty (id) FROM stdin;',
        '',
        '',
        'COPY public.b (id) FROM stdin;',
        '7\n',
        "SELECT pg_catalog.setval('public.s', 3, true);",
      ],
      `pieces of ${size} bytes`,
    )
  }
  note(`${whole.length} sizes of pieces`)
})

test('a script that ends within a table is no whole one', async () => {
  const cut = Buffer.from(script.slice(0, 3).join(''))
  const error = await read(cut, 7).then(
    () => undefined,
    (thrown: Error) => thrown,
  )
  assert.match(error?.message ?? '', /ends within the rows/)
})

test.run()
