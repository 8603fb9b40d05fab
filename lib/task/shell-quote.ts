/**
 * Quotes a text as one word of a POSIX shell (POSIX.1-2024, Shell Command Language, 2.2.2), whatever it holds. Throws on a NUL
 * character, which no argument of a program can hold.
 */
export function quoteWord(text: string): string {
  if (text.includes('\0')) throw new TypeError('an argument of a command cannot hold a NUL character')
  return /^[\w/.:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
