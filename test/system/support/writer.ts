/**
 * Writes until it is killed. `atomic`: one file, again and again, of 200,000 equal letters. `journal`: lines, each told on stdout once it is
 * durable.
 */
import { writeFileAtomic } from '../../../lib/system/files.ts'
import { openDurableAppender } from '../../../lib/system/journal-file.ts'

const [, , how, path] = process.argv as [string, string, 'atomic' | 'journal', string]
if (how === 'atomic') {
  for (let round = 0; ; round++) {
    await writeFileAtomic(path, String.fromCharCode(97 + (round % 26)).repeat(200_000))
    if (round === 0) process.stdout.write('writing\n')
  }
}
const journal = await openDurableAppender(path)
for (let number = Number(process.argv[4]); ; number++) {
  await journal.append(JSON.stringify({ number, text: 'x'.repeat(number % 500) }))
  process.stdout.write(`${number}\n`)
}
