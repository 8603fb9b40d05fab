/** The style of a timeline's page. States differ by colour, by mark and by word. */
export const pageStyle = `
:root{--bg:#fff;--fg:#1d2328;--dim:#5b6670;--line:#d9dee3;--soft:#f3f5f7;--done:#2f8f4e;--cache:#3d76c2;--failed:#c62f2f;--warned:#a86a00;--idle:#8a949e;--focus:#1463d8;--critical:#b3400f}
@media(prefers-color-scheme:dark){:root{--bg:#14181c;--fg:#e4e8ec;--dim:#9aa5af;--line:#323a42;--soft:#1d2328;--done:#46a86a;--cache:#6c9fe6;--failed:#ef6a64;--warned:#e0a53c;--idle:#77828c;--focus:#6ea8ff;--critical:#ff9d6b}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:14px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif}
header,main{max-width:1500px;margin:0 auto;padding:0 20px}
h1{font-size:20px;margin:18px 0 4px;overflow-wrap:anywhere}
h2{font-size:16px;margin:0}
section{margin:18px 0}
code,pre,kbd,.name{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px}
kbd{border:1px solid var(--line);border-radius:4px;padding:0 4px;background:var(--soft)}
pre{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:8px 10px;overflow:auto;max-height:440px;margin:6px 0;white-space:pre-wrap;overflow-wrap:anywhere}
#facts,.keys{color:var(--dim);margin:0 0 6px}
.badge{font-weight:600;padding:1px 8px;border-radius:10px;border:1px solid currentColor;margin-right:8px}
.bar{display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center;margin-bottom:6px}
.bar label,.bar button,.bar input,.bar select{font:inherit}
input,select,button{color:var(--fg);background:var(--bg);border:1px solid var(--line);border-radius:5px;padding:2px 7px}
button{cursor:pointer}
:focus-visible{outline:2px solid var(--focus);outline-offset:1px}
#count{color:var(--dim)}
#chart{border:1px solid var(--line);border-radius:6px;overflow:auto;max-height:65vh;position:relative}
#inner{position:relative;min-width:100%}
#axis{position:sticky;top:0;height:24px;background:var(--bg);border-bottom:1px solid var(--line);z-index:2}
#axis span{position:absolute;top:4px;font-size:11px;color:var(--dim);transform:translateX(-50%);white-space:nowrap}
#axis span:first-child{transform:none}
.row{display:flex;height:24px;content-visibility:auto;contain-intrinsic-size:auto 24px;cursor:pointer}
.row:nth-child(even){background:color-mix(in srgb,var(--soft) 60%,transparent)}
.row[aria-selected=true]{background:color-mix(in srgb,var(--focus) 18%,var(--bg));box-shadow:inset 3px 0 0 var(--focus)}
.row .name{position:sticky;left:0;z-index:1;flex:0 0 260px;width:260px;padding:3px 8px;background:inherit;background-color:var(--bg);overflow:hidden;text-overflow:ellipsis;white-space:nowrap;border-right:1px solid var(--line)}
.row[aria-selected=true] .name{background-color:color-mix(in srgb,var(--focus) 18%,var(--bg))}
.row.critical .name{font-weight:700}
.track{position:relative;flex:1 1 auto}
.span{position:absolute;top:5px;height:14px;min-width:2px;border-radius:3px;background:var(--tone)}
.row.critical .span{box-shadow:0 0 0 2px var(--bg),0 0 0 3.5px var(--critical)}
.took{position:absolute;top:3px;font-size:11px;color:var(--dim);white-space:nowrap;padding:0 5px}
.done{--tone:var(--done)}.present,.up-to-date,.restored{--tone:var(--cache)}.failed,.killed{--tone:var(--failed)}.warned,.aborted{--tone:var(--warned)}.skipped,.waiting,.running{--tone:var(--idle)}
.mark{color:var(--tone);font-weight:700;display:inline-block;width:1.3em}
#legend{display:flex;flex-wrap:wrap;gap:4px 16px;list-style:none;padding:0;margin:8px 0;color:var(--dim)}
.failure{border-left:3px solid var(--failed);padding:2px 12px;margin:8px 0}
#detail{border:1px solid var(--line);border-radius:6px;padding:10px 14px}
#detail dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:6px 0}
#detail dt{color:var(--dim)}#detail dd{margin:0;overflow-wrap:anywhere}
a,.link{color:var(--focus);background:none;border:0;padding:0;text-decoration:underline;cursor:pointer;font:inherit}
#graph{border:1px solid var(--line);border-radius:6px;overflow:auto;max-height:70vh}
#graph svg{display:block}
#graph text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:var(--fg)}
#graph .node rect{fill:var(--bg);stroke:var(--tone);stroke-width:1.5}
#graph .node.critical rect{stroke-width:3}
#graph .node{cursor:pointer}
#graph .node.chosen rect{fill:color-mix(in srgb,var(--focus) 22%,var(--bg))}
#graph path{fill:none;stroke:var(--idle);stroke-width:1;opacity:.7}
#graph path.critical{stroke:var(--critical);stroke-width:2.5;opacity:1}
#graph path.call{stroke-dasharray:4 3}
@media print{#chart,#graph,pre{max-height:none;overflow:visible}.bar,.keys{display:none}}
`
