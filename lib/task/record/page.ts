import { pageScript } from './page-script.ts'
import { pageStyle } from './page-style.ts'
import type { Timeline } from './timeline.ts'

/**
 * A run as one page of HTML that needs nothing else: no request leaves it (its policy forbids all), and it can be sent by mail. The data are in it as
 * JSON; its script draws the chart and the graph, works by keyboard, and follows the reader's light or dark.
 */
export function timelinePage(timeline: Timeline): string {
  const json = JSON.stringify(timeline).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${escaped(timeline.title)} · ${escaped(timeline.outcome)}</title>
<style>${pageStyle}</style>
</head>
<body>
<header>
<h1></h1>
<p id="facts"></p>
</header>
<main>
<section id="failures" aria-label="Failures" hidden></section>
<section aria-labelledby="chart-title">
<div class="bar">
<h2 id="chart-title">Timeline</h2>
<label>Filter <input id="filter" type="search" placeholder="name or state" aria-keyshortcuts="/"></label>
<label>Order <select id="order"><option value="at">start</option><option value="ms">duration</option><option value="name">name</option></select></label>
<label><input id="critical" type="checkbox"> critical path only</label>
<span class="zoom"><button id="out" aria-label="Zoom out">−</button><button id="fit">fit</button><button id="in" aria-label="Zoom in">+</button></span>
<span id="count" role="status"></span>
</div>
<p class="keys">Keys: <kbd>/</kbd> filter, <kbd>↑</kbd> <kbd>↓</kbd> choose, <kbd>+</kbd> <kbd>−</kbd> <kbd>0</kbd> zoom, <kbd>c</kbd> critical path, <kbd>Esc</kbd> clear.</p>
<div id="chart" tabindex="0" role="listbox" aria-label="What ran, by time"><div id="inner"><div id="axis" aria-hidden="true"></div><div id="rows"></div></div></div>
<ul id="legend" aria-label="Legend"></ul>
</section>
<section id="detail" aria-live="polite" aria-label="Chosen" hidden></section>
<section aria-labelledby="graph-title">
<h2 id="graph-title">Graph</h2>
<p id="graph-note" class="keys"></p>
<div id="graph"></div>
</section>
<noscript><p>This page draws its chart with a script, which this browser does not run. The data are in its source, as JSON.</p></noscript>
</main>
<script type="application/json" id="run">${json}</script>
<script>${pageScript}</script>
</body>
</html>
`
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
