import type { GraphEdge, TaskGraph } from './model.ts'

/** The graph for Mermaid (https://mermaid.js.org/syntax/flowchart.html), as Markdown pages of GitHub and GitLab draw it. */
export function mermaidText(graph: TaskGraph): string {
  const ids = numbered(graph)
  const arrows: Readonly<Record<GraphEdge['kind'], string>> = {
    needs: '-->',
    optional: '-.->|optional|',
    finally: '-.->|finally|',
  }
  return [
    'flowchart LR',
    ...graph.nodes.map(({ id }) => `  ${ids.get(id)}["${mermaidLabel(id)}"]`),
    ...graph.edges.map(({ from, to, kind }) => `  ${ids.get(from)} ${arrows[kind]} ${ids.get(to)}`),
    '',
  ].join('\n')
}

/** Mermaid takes characters by their code, `#34;`, and reads the rest of a quoted label as Markdown and HTML. */
const mermaidLabel = (text: string): string =>
  text.replace(/["#<>&`*_\\[\](){}|]|\p{Cc}/gu, (character) => `#${character.codePointAt(0)};`)

/** The graph for Graphviz (https://graphviz.org/doc/info/lang.html). */
export function dotText(graph: TaskGraph): string {
  const styles: Readonly<Record<GraphEdge['kind'], string>> = {
    needs: '',
    optional: ' [style=dashed, label="optional"]',
    finally: ' [style=dotted, label="finally"]',
  }
  return [
    'digraph tasks {',
    '  rankdir=LR',
    '  node [shape=box, style=rounded, fontname="monospace"]',
    ...graph.nodes.map(({ id, description, hidden }) => {
      const more = [description === undefined ? '' : `tooltip=${dotQuoted(description)}`, hidden ? 'color=gray' : '']
      const attributes = more.filter((one) => one !== '').join(', ')
      return `  ${dotQuoted(id)}${attributes === '' ? '' : ` [${attributes}]`}`
    }),
    ...graph.edges.map(({ from, to, kind }) => `  ${dotQuoted(from)} -> ${dotQuoted(to)}${styles[kind]}`),
    '}',
    '',
  ].join('\n')
}

/** In a quoted DOT string only the quote is escaped; a backslash would begin an escape of labels (`\n`), so it is doubled. */
const dotQuoted = (text: string): string =>
  `"${text.replace(/[\\"]/g, (character) => `\\${character}`).replace(/\p{Cc}/gu, ' ')}"`

const numbered = (graph: TaskGraph): ReadonlyMap<string, string> =>
  new Map(graph.nodes.map(({ id }, index) => [id, `t${index + 1}`]))
