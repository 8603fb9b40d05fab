import { stripVTControlCharacters } from 'node:util'

/** A line of a program's output without what would move a terminal's cursor or colour what follows; tabs are four spaces. */
export const plainLine = (line: string): string =>
  stripVTControlCharacters(line.slice(line.replace(/\r+$/, '').lastIndexOf('\r') + 1))
    .replaceAll('\t', '    ')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be removed
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, '')
