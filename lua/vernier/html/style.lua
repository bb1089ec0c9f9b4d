-- The report's style sheet and its script: the script opens what a link leads into, and shows a moment's figures beside
-- the pointer.
-- luacheck: no max line length
local M = {}

M.css = [[
:root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--ink:#1b2130;--soft:#5c6577;--faint:#8b93a5;--line:#e3e6ec;
--head:#f8f9fb;--accent:#1f5fd0;--ok:#16794a;--ok-bg:#e3f5ea;--warn:#8f5a00;--warn-bg:#fdf0d5;--bad:#b4232c;--bad-bg:#fde8e8;
--sent:#8d97ab;--finished:#1f6fe5;--failed:#d6303b;--p50:#12a594;--p90:#2f7de1;--p99:#7b4fd6;--max:#c7a0d8;--response:#2f7de1;--service:#12a594;
--s1:#2f7de1;--s2:#e07b1a;--s3:#12a594;--s4:#b5449e;--s5:#7a8b1c;--s6:#7b4fd6;--s7:#c2414b;--s8:#64748b}
@media (prefers-color-scheme:dark){:root{--bg:#0f131b;--card:#171c26;--ink:#e6e9f0;--soft:#a3acbd;--faint:#727c8f;--line:#29303d;
--head:#1b212c;--accent:#7fb0ff;--ok:#5fd39a;--ok-bg:#12331f;--warn:#f0b95a;--warn-bg:#3a2a0c;--bad:#ff8a8f;--bad-bg:#40191d;
--sent:#7d889c;--finished:#5b9dff;--failed:#ff6b73;--p50:#2dd4bf;--p90:#5b9dff;--p99:#b08cff;--max:#6d5a86;--response:#5b9dff;--service:#2dd4bf;
--s1:#5b9dff;--s2:#f5a04c;--s3:#2dd4bf;--s4:#e07ccb;--s5:#b3c552;--s6:#b08cff;--s7:#ff7d86;--s8:#94a3b8}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:16px}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
h1,h2,h3,h4,p{margin:0}
h1{font-size:27px;line-height:1.2;letter-spacing:-.02em}h2{font-size:19px;letter-spacing:-.01em}h3{font-size:15px;margin:26px 0 10px}h4{font-size:14px}
.page{display:grid;grid-template-columns:172px minmax(0,1260px);gap:26px;justify-content:center;padding:32px 24px 64px}
nav{position:sticky;top:32px;align-self:start;max-height:calc(100vh - 64px);overflow:auto;font-size:14px}
nav .brand{display:flex;gap:9px;align-items:center;font-weight:650;font-size:16px;letter-spacing:-.01em;margin-bottom:20px}
nav .brand svg{width:26px;height:26px;color:var(--accent)}
nav h2{font-size:11.5px;text-transform:uppercase;letter-spacing:.07em;color:var(--faint);margin:20px 0 5px;font-weight:600}
nav a{display:flex;gap:8px;align-items:baseline;padding:3px 0;color:var(--soft)}nav a:hover{color:var(--ink);text-decoration:none}
nav a span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.dot-status{flex:none;width:8px;height:8px;border-radius:50%;background:var(--ok);display:inline-block}
.dot-status.is-failed,.dot-status.is-lost{background:var(--failed)}.dot-status.is-interrupted,.dot-status.is-not-run{background:#e0a100}
header .kicker{color:var(--faint);font-size:13px;margin-bottom:6px}
header p.lead{color:var(--soft);margin-top:8px;max-width:76ch}
.badges{display:flex;flex-wrap:wrap;gap:8px;margin:16px 0 0}
.badge{display:inline-flex;align-items:center;gap:6px;border-radius:999px;padding:2px 11px;font-size:13px;font-weight:600;line-height:1.6}
.ok{background:var(--ok-bg);color:var(--ok)}.warn{background:var(--warn-bg);color:var(--warn)}.bad{background:var(--bad-bg);color:var(--bad)}
.plain{background:var(--card);color:var(--soft);box-shadow:inset 0 0 0 1px var(--line);font-weight:500}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:22px 24px;margin-top:22px}
.card ul{margin:12px 0 0;padding-left:20px}.card ul li{margin:3px 0;overflow-wrap:anywhere}
.card>h2+p.lead,.round-head p{color:var(--soft)}
.notice{border-radius:12px;padding:16px 20px;margin-top:22px}.notice h2{font-size:16px;margin-bottom:4px}
.notice ul{margin:6px 0 0;padding-left:20px}.notice li{margin:3px 0;overflow-wrap:anywhere}.notice a{color:inherit;font-weight:600;text-decoration:underline}
.scroll{overflow-x:auto;margin:12px -24px -6px;padding:0 24px 6px}
table{border-collapse:collapse;width:100%;font-size:13px}
th{font-weight:600;color:var(--soft);text-align:right;padding:6px;border-bottom:1px solid var(--line);white-space:nowrap;vertical-align:bottom;font-size:12px}
th.group{text-align:center;color:var(--faint);font-weight:500;border-bottom:1px solid var(--line);padding-bottom:3px}
thead tr:first-child:not(:last-child) th:not(.group){border-bottom-color:transparent}
td{text-align:right;padding:7px 6px;border-bottom:1px solid var(--line);white-space:nowrap}
tbody tr:last-child td{border-bottom:0}tbody tr:hover td{background:var(--head)}
th.text,td.text{text-align:left}td.wrap{white-space:pre-wrap;overflow-wrap:anywhere;min-width:280px;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px}
th:first-child,td:first-child{padding-left:0}th:last-child,td:last-child{padding-right:0}
td.name{font-weight:600;max-width:210px;overflow:hidden;text-overflow:ellipsis}td .dot-status{margin-right:8px}
td.bad-text,.bad-text{color:var(--bad)}.warn-text{color:var(--warn)}.none{color:var(--faint)}td.strong{font-weight:650}
.round-head{display:flex;justify-content:space-between;gap:16px;align-items:flex-start}.round-head h2 small{color:var(--faint);font-weight:500;margin-right:10px;font-size:14px}
.facts{display:flex;flex-wrap:wrap;gap:6px 28px;margin:12px 0 0}.facts div{display:flex;gap:7px;min-width:0}
.facts dt{color:var(--faint)}.facts dd{margin:0;overflow-wrap:anywhere}.facts{font-size:13.5px}
.facts.wide{display:grid;grid-template-columns:repeat(auto-fill,minmax(320px,1fr))}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:18px 0 0}
.tile{background:var(--head);border:1px solid var(--line);border-radius:10px;padding:11px 14px}
.tile .name{font-size:12.5px;color:var(--soft)}.tile .value{font-size:23px;font-weight:650;letter-spacing:-.02em;line-height:1.35;white-space:nowrap}
.tile .value small{font-size:13.5px;font-weight:500;color:var(--soft);letter-spacing:0;margin-left:3px}.tile .more{font-size:12.5px;color:var(--faint)}
.reasons{border-radius:9px;padding:10px 14px;margin-top:14px;font-size:14px}.reasons p{overflow-wrap:anywhere;white-space:pre-wrap}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,460px),1fr));gap:26px 30px;margin-top:26px}
figure{margin:0;min-width:0}figcaption{display:flex;gap:10px;align-items:baseline;flex-wrap:wrap}figcaption p{color:var(--faint);font-size:12.5px}
.legend{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:12.5px;color:var(--soft);margin:3px 0 4px}
.legend span{display:inline-flex;align-items:center;gap:6px}.legend i{width:14px;height:3px;border-radius:2px;background:currentColor}
svg.chart{display:block;width:100%;height:auto;overflow:visible}
svg .grid{stroke:var(--line);stroke-width:1}svg .axis{stroke:var(--faint);stroke-width:1;opacity:.6}svg .tick{fill:var(--faint);font-size:11.5px}
svg .line{fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}svg .area{fill:currentColor;opacity:.12}svg .dot{fill:currentColor}
.sent{color:var(--sent)}svg .line.sent{stroke-dasharray:4 4;stroke-width:1.6}.finished{color:var(--finished)}svg .failed,.legend .failed{color:var(--failed)}
.p50{color:var(--p50)}.p90{color:var(--p90)}.p99{color:var(--p99)}.max{color:var(--max)}svg .line.max{stroke-width:1.1}
.response{color:var(--response)}.service{color:var(--service)}
.s1{color:var(--s1)}.s2{color:var(--s2)}.s3{color:var(--s3)}.s4{color:var(--s4)}.s5{color:var(--s5)}.s6{color:var(--s6)}.s7{color:var(--s7)}.s8{color:var(--s8)}
svg .dash2{stroke-dasharray:7 4}svg .dash3{stroke-dasharray:2 4}svg .dash4{stroke-dasharray:9 3 2 3}svg circle{stroke-dasharray:none}
.legend .dash2{background:repeating-linear-gradient(90deg,currentColor 0 5px,transparent 5px 8px)}.legend .dash3{background:repeating-linear-gradient(90deg,currentColor 0 2px,transparent 2px 5px)}.legend .dash4{background:repeating-linear-gradient(90deg,currentColor 0 6px,transparent 6px 8px,currentColor 8px 9px,transparent 9px 11px)}
svg .bar{fill:currentColor}svg .bar.outer{opacity:.28}svg .range{stroke:var(--ink);stroke-width:1.4;opacity:.75}
svg .whisker{stroke:currentColor;stroke-width:1.3}svg .box{fill:currentColor;fill-opacity:.22;stroke:currentColor;stroke-width:1.2}svg .median{stroke:currentColor;stroke-width:2.4}
.key{display:inline-block;width:10px;height:10px;border-radius:3px;background:currentColor;margin-right:8px}
.gantt{min-width:180px;background:var(--head);border-radius:4px}.gantt i{display:block;height:9px;border-radius:4px;background:var(--ok)}.gantt i.is-fail,.gantt i.is-exit,.gantt i.is-failed{background:var(--failed)}.gantt i.is-interrupted,.gantt i.is-break{background:#e0a100}
td.when{width:34%}td.reason{white-space:normal;overflow-wrap:anywhere;min-width:160px}td details{margin:0}td summary{font-size:13px}td pre{text-align:left;max-width:460px;white-space:pre-wrap}td small{font-size:11.5px}
details.cell{margin-top:26px}details.cell>summary{font-size:19px;font-weight:650;color:var(--ink);letter-spacing:-.01em}details.cell>summary .badge{margin-left:10px;vertical-align:2px}
nav details{margin:2px 0}nav summary{color:var(--soft);padding:2px 0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}nav details a{margin-left:10px}nav .tests a{margin-left:24px;font-size:13px}
svg .band{fill:transparent}svg .band:hover{fill:var(--ink);fill-opacity:.07}
svg.spark{display:inline-block;vertical-align:middle}svg.spark path{fill:none;stroke:var(--finished);stroke-width:1.4;stroke-linejoin:round}svg.spark .fill{fill:var(--finished);stroke:none;opacity:.15}
details{margin-top:12px}summary{cursor:pointer;color:var(--accent);font-size:14px}
pre{background:var(--head);border:1px solid var(--line);border-radius:9px;padding:14px 16px;overflow:auto;font:12.5px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;margin:10px 0 0;max-height:560px}
.terms{display:grid;grid-template-columns:max-content 1fr;gap:6px 18px;font-size:13.5px;margin:12px 0 0}.terms dt{font-weight:600}.terms dd{margin:0;color:var(--soft)}
footer{color:var(--faint);font-size:13px;margin-top:28px}
#tip{position:fixed;pointer-events:none;background:var(--ink);color:var(--bg);font-size:12.5px;line-height:1.45;padding:7px 10px;border-radius:7px;white-space:pre;opacity:0;transition:opacity .08s;z-index:9}
@media (max-width:1000px){.page{grid-template-columns:minmax(0,1fr);padding:20px 14px 48px;gap:8px}nav{position:static;max-height:none}nav .toc{display:none}.card{padding:18px 16px}.scroll{margin:12px -16px -6px;padding:0 16px 6px}.terms{grid-template-columns:1fr}.terms dd{margin-bottom:6px}}
@media print{body{background:#fff}.page{display:block;padding:0}nav,#tip{display:none}.card{break-inside:avoid-page;border:0;padding:0}figure,tr{break-inside:avoid}}
]]

M.script = [[
(function(){function show(){var e=location.hash.length>1&&document.getElementById(location.hash.slice(1)),p=e;if(!e)return;
for(;p;p=p.parentElement)if(p.tagName==="DETAILS")p.open=true;e.scrollIntoView()}
addEventListener("hashchange",show);show()})();
(function(){var tip=document.getElementById("tip");
document.querySelectorAll("svg .band").forEach(function(b){var t=b.querySelector("title");if(t){b.dataset.t=t.textContent;t.remove()}});
document.addEventListener("mousemove",function(e){var t=e.target.dataset&&e.target.dataset.t;if(!t){tip.style.opacity=0;return}
if(tip.textContent!==t)tip.textContent=t;tip.style.opacity=1;var w=tip.offsetWidth,h=tip.offsetHeight,x=e.clientX+14,y=e.clientY-h-10;
if(x+w>innerWidth-8)x=e.clientX-w-14;if(y<8)y=e.clientY+16;tip.style.left=x+"px";tip.style.top=y+"px"});})();
]]

-- A scale with a second, finer one on it.
M.logo = '<svg viewBox="0 0 26 26" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" aria-hidden="true">'
  .. '<path d="M2 12.5h22M4 12.5v-8M9 12.5v-5M14 12.5v-8M19 12.5v-5"/><path d="M5.5 16.5v7M10 16.5v4M14.5 16.5v7M19 16.5v4" opacity=".55"/></svg>'

return M
