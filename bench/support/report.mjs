// @ts-check
/** How results are shown: a table for the terminal, and docs/performance.md. */
import { cpus, loadavg, release, totalmem, type } from 'node:os'

/** @typedef {import('./measure.mjs').Table} Table */

/** What else the machine did when the benchmark began: on a busy one, ratios of programs that start others come out worse. */
const [loadBefore = 0] = loadavg()

/** @param {number} ms */
export const shownMs = (ms) =>
  ms < 100 ? `${ms.toFixed(1)} ms` : ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`

/** @param {import('./measure.mjs').Verdict} verdict */
const shownValue = ({ value, unit }) =>
  unit === '×' ? `${value.toFixed(2)} ×` : unit === 'ms' ? shownMs(value) : `${value.toFixed(0)} ${unit}`

/** @param {import('./measure.mjs').Verdict} verdict */
const shownLimit = ({ atMost, unit }) => (unit === '×' ? `${atMost} ×` : `${atMost} ${unit}`)

/** @param {readonly Table[]} tables */
export function asText(tables) {
  return tables
    .map(({ title, times, verdicts, notes }) => {
      const width = Math.max(
        0,
        ...[...times.map(({ name }) => name), ...verdicts.map(({ text }) => text)].map((one) => one.length),
      )
      return [
        title,
        ...times.map(
          (one) =>
            `  ${one.name.padEnd(width)}  ${shownMs(one.median).padStart(9)}   (${shownMs(one.least)} … ${shownMs(one.most)})`,
        ),
        ...verdicts.map(
          (one) =>
            `  ${one.text.padEnd(width)}  ${shownValue(one).padStart(9)}   ${one.holds ? '✔' : '✖'} at most ${shownLimit(one)}`,
        ),
        ...notes.map((note) => `  ${note}`),
        '',
      ].join('\n')
    })
    .join('\n')
}

/**
 * The text of docs/performance.md.
 *
 * @param {readonly Table[]} tables
 * @param {{ rounds: number, version: string, commit: string, peers: ReadonlyMap<string, { version: string }>, missing: ReadonlyMap<string, string>, date: string }} about
 */
export function asMarkdown(tables, { rounds, version, commit, peers, missing, date }) {
  const [processor] = cpus()
  const versions = [...peers].map(([name, peer]) => `${name} ${peer.version}`)
  return [
    '# Performance',
    '',
    `Made by \`task bench\` (${date}, vital-ops ${version}, ${commit}); not edited by hand. Wall time from the start to the end of the process, medians over`,
    `${rounds} alternating rounds, least and most beside them. A ratio is computed within each round, and its median is shown.`,
    '',
    `- Machine: ${processor?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB; ${type()} ${release()}; Node ${process.versions.node}; load average before: ${loadBefore.toFixed(1)}`,
    `- Against: ${versions.join(', ') || 'nothing but Node'}`,
    ...[...missing].map(([name, why]) => `- ${name} was not measured: ${why}`),
    '',
    ...tables.flatMap(({ title, times, verdicts, notes }) => [
      `## ${title}`,
      '',
      ...(times.length === 0 ? [] : ['| | median | least | most |', '|---|---:|---:|---:|']),
      ...times.map((one) => `| ${one.name} | ${shownMs(one.median)} | ${shownMs(one.least)} | ${shownMs(one.most)} |`),
      ...(times.length === 0 ? [] : ['']),
      ...(verdicts.length === 0 ? [] : ['| claim | measured | at most | |', '|---|---:|---:|---|']),
      ...verdicts.map(
        (one) => `| ${one.text} | ${shownValue(one)} | ${shownLimit(one)} | ${one.holds ? 'holds' : '**missed**'} |`,
      ),
      ...(verdicts.length === 0 ? [] : ['']),
      ...notes.flatMap((note) => [note, '']),
    ]),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n')
}
