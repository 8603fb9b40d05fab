/** The words of a text, as make cuts them. */
export const wordsOf = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '')

const each = (text: string, change: (word: string) => string): string => wordsOf(text).map(change).join(' ')

/** Whether a word matches a pattern with one `%`; the stem, or undefined. */
export function stemOf(pattern: string, word: string): string | undefined {
  const at = pattern.indexOf('%')
  if (at < 0) return pattern === word ? '' : undefined
  const [start, end] = [pattern.slice(0, at), pattern.slice(at + 1)]
  const fits = word.length >= start.length + end.length && word.startsWith(start) && word.endsWith(end)
  return fits ? word.slice(start.length, word.length - end.length) : undefined
}

const replaced = (from: string, to: string, word: string): string => {
  const stem = stemOf(from, word)
  return stem === undefined ? word : from.includes('%') ? to.replace('%', () => stem) : to
}

const filtered = (patterns: string, text: string, keep: boolean): string =>
  wordsOf(text)
    .filter((word) => wordsOf(patterns).some((pattern) => stemOf(pattern, word) !== undefined) === keep)
    .join(' ')

const suffixOf = (word: string): string => /[^/]*(\.[^./]*)$/.exec(word)?.[1] ?? ''

/** make's functions of texts, which need no files and no commands. */
export const textFunctions: Readonly<Record<string, (...args: string[]) => string>> = {
  subst: (from = '', to = '', text = '') => (from === '' ? text + to : text.replaceAll(from, () => to)),
  patsubst: (from = '', to = '', text = '') => each(text, (word) => replaced(from, to, word)),
  strip: (text = '') => wordsOf(text).join(' '),
  findstring: (part = '', text = '') => (text.includes(part) ? part : ''),
  filter: (patterns = '', text = '') => filtered(patterns, text, true),
  'filter-out': (patterns = '', text = '') => filtered(patterns, text, false),
  sort: (text = '') => [...new Set(wordsOf(text))].sort().join(' '),
  word: (index = '1', text = '') => wordsOf(text)[Number(index) - 1] ?? '',
  words: (text = '') => String(wordsOf(text).length),
  wordlist: (from = '1', to = '1', text = '') =>
    wordsOf(text)
      .slice(Number(from) - 1, Number(to))
      .join(' '),
  firstword: (text = '') => wordsOf(text)[0] ?? '',
  lastword: (text = '') => wordsOf(text).at(-1) ?? '',
  dir: (text = '') => each(text, (word) => (word.includes('/') ? word.slice(0, word.lastIndexOf('/') + 1) : './')),
  notdir: (text = '') => each(text, (word) => word.slice(word.lastIndexOf('/') + 1)),
  suffix: (text = '') =>
    wordsOf(text)
      .map(suffixOf)
      .filter((one) => one !== '')
      .join(' '),
  basename: (text = '') => each(text, (word) => word.slice(0, word.length - suffixOf(word).length)),
  addsuffix: (suffix = '', text = '') => each(text, (word) => word + suffix),
  addprefix: (prefix = '', text = '') => each(text, (word) => prefix + word),
}

/** The code of a function of texts in a draft, from the code of its arguments; undefined for one that has none there. */
export const functionCodes: Readonly<Record<string, (...args: string[]) => string>> = {
  subst: (from, to, text) => `${text}.replaceAll(${from}, ${to})`,
  patsubst: (from, to, text) => `patsubst(${from}, ${to}, ${text})`,
  strip: (text) => `words(${text}).join(' ')`,
  findstring: (part, text) => `(${text}.includes(${part}) ? ${part} : '')`,
  filter: (patterns, text) => `matching(${patterns}, ${text}, true)`,
  'filter-out': (patterns, text) => `matching(${patterns}, ${text}, false)`,
  sort: (text) => `[...new Set(words(${text}))].sort().join(' ')`,
  word: (index, text) => `(words(${text})[Number(${index}) - 1] ?? '')`,
  words: (text) => `String(words(${text}).length)`,
  firstword: (text) => `(words(${text})[0] ?? '')`,
  lastword: (text) => `(words(${text}).at(-1) ?? '')`,
  dir: (text) =>
    `words(${text}).map((word) => (word.includes('/') ? word.slice(0, word.lastIndexOf('/') + 1) : './')).join(' ')`,
  notdir: (text) => `words(${text}).map((word) => word.slice(word.lastIndexOf('/') + 1)).join(' ')`,
  basename: (text) => `words(${text}).map((word) => word.replace(/\\.[^./]*$/, '')).join(' ')`,
  addsuffix: (suffix, text) => `words(${text}).map((word) => word + ${suffix}).join(' ')`,
  addprefix: (prefix, text) => `words(${text}).map((word) => ${prefix} + word).join(' ')`,
  shell: (script) => `shell(${script}).replaceAll('\\n', ' ')`,
  wildcard: (patterns) => `wildcard(${patterns})`,
  realpath: (path) => `resolve(import.meta.dirname, ${path})`,
  abspath: (path) => `resolve(import.meta.dirname, ${path})`,
  if: (test, yes, no) => `(${test}.trim() !== '' ? ${yes} : ${no ?? "''"})`,
  or: (...values) => `(${values.join(' || ')})`,
  and: (...values) => `(${values.join(' && ')})`,
  error: (message) => `failWith(${message})`,
}
