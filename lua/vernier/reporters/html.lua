-- Writes report.html: one self-contained file that loads nothing, with everything from outside escaped.
local cells = require("vernier.html.cells")
local certificate = require("vernier.html.certificate")
local compare = require("vernier.html.compare")
local comparison = require("vernier.results.comparison")
local file = require("vernier.core.file")
local format = require("vernier.format")
local json = require("vernier.json")
local names = require("vernier.results.names")
local navigation = require("vernier.html.navigation")
local round = require("vernier.html.round")
local style = require("vernier.html.style")
local svg = require("vernier.svg")
local template = require("vernier.html.template")

local M = { options = {} }

local fill = template.fill

-- ---- head ----

local function badge(class, text)
  return fill('<span class="badge {class}">{text}</span>', { class = class, text = text })
end

local function count(list, status)
  local n = 0
  for _, entry in ipairs(list) do
    n = n + (entry.status == status and 1 or 0)
  end
  return n
end

-- What the tests of this run are called: rounds of a Caliper file, tests of a scenario.
local function noun(results, n)
  local test = results.tests[1]
  return (test and not test.spec.round and "test" or "round") .. (n == 1 and "" or "s")
end

local function status_badges(results)
  local failed, n = count(results.tests, "failed"), #results.tests
  local failed_cells = #results.cells > 1 and count(results.cells, "failed") or 0
  local badges = {}
  if failed_cells > 0 then
    badges[1] = badge("bad", ("%d of %d cells failed"):format(failed_cells, #results.cells))
  end
  if failed > 0 then
    badges[#badges + 1] = badge("bad", ("%d of %d %s failed"):format(failed, n, noun(results, n)))
  elseif results.status == "failed" and #badges == 0 then
    badges[1] = badge("bad", "failed")
  end
  if results.status == "interrupted" then
    badges[#badges + 1] = badge("warn", "interrupted")
  elseif #badges == 0 then
    badges[1] = badge("ok", ("all %s ran"):format(noun(results, 2)))
  end
  return table.concat(badges)
end

local function head(results)
  local run = results.run
  local badges = {
    status_badges(results),
    certificate.badge(results.certificate.verdict, "certificate " .. results.certificate.verdict),
    #results.cells > 1 and badge("plain", ("%d cells"):format(#results.cells)) or "",
    badge("plain", ("%d %s"):format(#results.tests, noun(results, #results.tests))),
    run.workers and badge("plain", ("%s worker%s"):format(run.workers, run.workers == 1 and "" or "s")) or "",
    badge("plain", "took " .. format.span(results.seconds)),
  }
  return fill([[
<header><p class="kicker">Benchmark report · {started}</p><h1>{name}</h1><p class="lead">{description}</p>
<div class="badges">{=badges}</div></header>
]], {
    started = results.started and results.started:gsub("T", " "):gsub("Z", " UTC") or "time unknown",
    name = run.name or "benchmark",
    description = run.description,
    badges = table.concat(badges),
  })
end

local function notice_item(anchor, name, of)
  return fill('<li><a href="#{anchor}">{name}</a> {status}: {reasons}</li>', {
    anchor = anchor,
    name = name:gsub("^%l", string.upper),
    status = of.status,
    reasons = #of.reasons > 0 and (table.concat(of.reasons, "; "):gsub("%s*\n.*", "")) or "no reason was recorded",
  })
end

-- What there is to tell, each thing once: of a failed test there, else of its cell, else when it happened.
local Notices = {}
Notices.__index = Notices

-- Whether one of the told reasons is in the text, which is about that cell (nil: any).
function Notices:has_told(text, cell)
  for _, told in ipairs(self._told) do
    if (cell == nil or told.cell == cell) and text:find(told.reason, 1, true) then
      return true
    end
  end
  return false
end

function Notices:add(entry, cell, anchor, name)
  self.items[#self.items + 1] = notice_item(anchor, name, entry)
  self.worst = entry.status == "failed" and "bad" or self.worst
  for _, reason in ipairs(entry.reasons) do
    table.insert(self._told, { reason = reason, cell = cell })
  end
end

local function is_news(status)
  return status ~= "ok" and status ~= "not run"
end

local function is_told(notices, cell)
  local told = #cell.reasons > 0
  for _, reason in ipairs(cell.reasons) do
    told = told and notices:has_told(reason, cell.cell)
  end
  return told
end

local function new_notices(results)
  local notices = setmetatable({ items = {}, worst = "warn", _told = {} }, Notices)
  for _, t in ipairs(results.tests) do
    if is_news(t.status) then
      notices:add(t, t.spec.cell, round.anchor(t), results.names:test(t))
    end
  end
  for _, cell in ipairs(#results.cells > 1 and results.cells or {}) do
    if is_news(cell.status) and not is_told(notices, cell) then
      notices:add(cell, cell.cell, cells.anchor(cell), "Cell " .. cells.name(results, cell))
    end
  end
  return notices
end

-- What is no trouble.
local TOLD_ELSEWHERE = { info = true, debug = true }

-- What failed comes first: nobody should read rates without knowing.
local function notice(results)
  local notices = new_notices(results)
  local items, worst = notices.items, notices.worst
  for _, event in ipairs(results.events) do
    local message = event.message or event.what or "event"
    if not TOLD_ELSEWHERE[event.what] and not (event.what == "stage-failed" and notices:has_told(message)) then
      items[#items + 1] = fill("<li>{message} <small>(at {at})</small></li>", {
        message = message, at = format.span((tonumber(event.at_us) or 0) / 1e6),
      })
    end
  end
  if #items == 0 then
    return ""
  end
  return fill('<section class="notice {worst}"><h2>What went wrong</h2><ul>{=items}</ul></section>', {
    worst = worst, items = table.concat(items),
  })
end

-- ---- summary ----

local function figure(title, group, cell, class)
  return { title = title, group = group, cell = cell, class = class }
end

local function time(title, group, clock, member)
  return figure(title, group, function(row)
    local times = row.test.figures[clock]
    return round.duration(times and times[member])
  end, member == "p99" and clock == "response_time" and "strong" or nil)
end

local function rate(title, member, class)
  return figure(title, "Transactions per second", function(row)
    return round.rate(row.test.figures[member])
  end, class)
end

local function counter(title, member, class, optional)
  local column = round.counter(title, member, class, optional)
  local cell, shows = column.cell, column.shows
  column.cell = function(row)
    return cell(row.test.figures)
  end
  column.shows = shows and function(row)
    return shows(row.test.figures)
  end
  return column
end

local SUMMARY = {
  figure("Name", nil, function(row)
    return fill('<span class="dot-status is-{status}" title="{status}"></span><a href="#{anchor}">{label}</a>{=place}', {
      status = row.test.status, anchor = round.anchor(row.test), label = names.title(row.test),
      place = row.place ~= "" and fill(' <small class="none">{place}</small>', row) or "",
    })
  end, "text name"),
  counter("Succ", "ok"),
  counter("Fail", "failed", "bad-text"),
  counter("Unfin.", "unfinished", "bad-text", true),
  counter("Dropped", "dropped", "warn-text", true),
  rate("Send rate", "send_rate"),
  rate("Throughput", "throughput", "strong"),
  figure("", nil, function(row)
    local values = {}
    for i, r in ipairs(row.rows or {}) do
      values[i] = r.throughput or 0
    end
    return svg.sparkline(values, 60, 20)
  end),
  time("min", "Response time", "response_time", "min"),
  time("avg", "Response time", "response_time", "mean"),
  time("p50", "Response time", "response_time", "p50"),
  time("p95", "Response time", "response_time", "p95"),
  time("p99", "Response time", "response_time", "p99"),
  time("max", "Response time", "response_time", "max"),
  time("p50", "Service time", "service_time", "p50"),
  time("p99", "Service time", "service_time", "p99"),
}

-- Of several cells, the comparison is what is read first.
local function summary(rows, many)
  local body = #rows > 0 and template.table(SUMMARY, rows) or '<p class="none">No round was started.</p>'
  if many and #rows > 0 then
    body = fill("<details><summary>Show all {n} tests</summary>{=body}</details>", { n = #rows, body = body })
  end
  return '<section class="card" id="summary"><h2>Summary of performance metrics</h2>' .. body .. "</section>"
end

-- ---- circumstances ----

local function flat_facts(t)
  local keys, facts = {}, {}
  for key in pairs(t) do
    keys[#keys + 1] = tostring(key)
  end
  table.sort(keys)
  for i, key in ipairs(keys) do
    local value = t[key]
    facts[i] = { key, type(value) == "table" and (json.line(value)) or tostring(value) }
  end
  return facts
end

local function wide(facts)
  return (template.facts(facts):gsub('class="facts"', 'class="facts wide"', 1))
end

local function system(results)
  local info = results.run.network_info
  local body = type(info) == "table" and next(info) and wide(flat_facts(info))
    or '<p class="none">The network file says nothing about the system under test.</p>'
  return '<section class="card" id="system"><h2>System under test</h2>' .. body .. "</section>"
end

local function environment(results)
  local run, machine = results.run, results.run.machine or {}
  local facts = {
    { "CPU", machine.cpu },
    { "Cores", machine.cores },
    { "Memory", tonumber(machine.memory) and format.bytes(tonumber(machine.memory)) },
    { "OS", machine.os },
    { "Kernel", machine.kernel },
    { "vernier", run.version },
    { "Workers", run.workers },
    { "Seed", run.seed and format.count(tonumber(run.seed)) },
    { "Workspace", run.workspace },
    { "Command", run.command },
  }
  local settings = type(run.settings) == "table" and flat_facts(run.settings) or {}
  return '<section class="card" id="environment"><h2>Environment</h2>' .. wide(facts)
    .. (#settings > 0 and "<h3>Settings that differ from the defaults</h3>" .. wide(settings) or "") .. "</section>"
end

local function configuration(results)
  local benchmark = results.run.benchmark
  local content = '<p class="none">The configuration was not recorded.</p>'
  if benchmark then
    content = fill("<details><summary>Show the resolved benchmark configuration</summary><pre>{text}</pre></details>", {
      text = json.encode(benchmark),
    })
  end
  return '<section class="card" id="configuration"><h2>Configuration</h2>' .. content .. "</section>"
end

local TERMS = [[
<section class="card" id="terms"><h2>Terms</h2><dl class="terms">
<dt>Response time</dt><dd>from the instant at which the schedule wanted the transaction to its answer, as a user who was due
at that instant experiences it; of transactions that succeeded</dd>
<dt>Service time</dt><dd>from the first byte sent to the answer; of transactions that succeeded</dd>
<dt>Lateness</dt><dd>from the intended to the actual start: the load generator's own delay</dd>
<dt>Blocked</dt><dd>from the start to the first byte sent: waiting for a free connection or the workload's own code</dd>
<dt>Send rate</dt><dd>submitted transactions by the length of the round</dd>
<dt>Throughput</dt><dd>finished transactions, failed ones included, by the time from the round's start to the last finish</dd>
<dt>Unfinished</dt><dd>sent, and without an answer when the round was over; submitted = succeeded + failed + unfinished</dd>
<dt>Dropped</dt><dd>due, and never sent because there was no time or no room left</dd>
</dl></section>
]]

-- Even if something escaped the escaping, the page may load nothing.
local PAGE = [[
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{name} · vernier report</title><style>{=css}</style></head><body><div class="page">
{=navigation}<main>{=head}{=notice}{=body}
<footer>Written by vernier {version} from the run's own records.</footer></main>
</div><div id="tip"></div><script>{=script}</script></body></html>
]]

local ROWS_MAX = 240 -- more would be finer than a chart's pixels

local function by_cell_of(results)
  local by_cell, known = {}, {}
  for _, cell in ipairs(results.cells) do
    known[cell.cell] = true
  end
  for _, t in ipairs(results.tests) do
    local key = known[t.spec.cell] and t.spec.cell or false
    by_cell[key] = by_cell[key] or {}
    table.insert(by_cell[key], t)
  end
  return by_cell
end

-- html: of each test's section.
local function sections(tests, html)
  local out = {}
  for i, t in ipairs(tests or {}) do
    out[i] = html[t]
  end
  return table.concat(out)
end

local function cell_section(results, cell, tests, html)
  return fill([[
<details class="cell" id="{anchor}"{open}><summary>{name} {=badge}</summary>{=reasons}{=stages}{=tests}</details>
]], {
    anchor = cells.anchor(cell),
    open = navigation.folded(results) and "" or " open",
    name = cells.name(results, cell),
    badge = round.badge(cell.status),
    reasons = #cell.reasons > 0 and fill('<p class="reasons bad">{text}</p>', { text = table.concat(cell.reasons, "; ") }) or "",
    stages = cells.stages(results, function(stage)
      return stage.cell == cell.cell
    end, " of " .. cells.name(results, cell)),
    tests = sections(tests, html),
  })
end

local function all_sections(results, by_cell, html)
  if #results.cells <= 1 then
    return sections(results.tests, html) .. cells.stages(results, function()
      return true
    end, "")
  end
  local out, known = {}, {}
  for i, cell in ipairs(results.cells) do
    out[i], known[cell.cell] = cell_section(results, cell, by_cell[cell.cell], html), true
  end
  return table.concat(out) .. sections(by_cell[false], html) .. cells.stages(results, function(stage)
    return not known[stage.cell]
  end, " of no cell")
end

local function comparisons(entries)
  local out = {}
  for i, entry in ipairs(entries or {}) do
    out[i] = compare.html(entry, i)
  end
  return table.concat(out)
end

local function body(results, entries, by_cell)
  local rows, html, many = {}, {}, #results.cells > 1
  for i, t in ipairs(results.tests) do
    rows[i] = { test = t, place = results.names:place(t.spec), rows = results:representation("series", t, { limit = ROWS_MAX }) }
    html[t] = round.html(results, t, rows[i].rows)
  end
  return comparisons(entries) .. (many and cells.html(results) or "") .. summary(rows, many) .. cells.custom(results)
    .. certificate.section(results.certificate, results.run.calibration, results.run.calibration_missing)
    .. all_sections(results, by_cell, html) .. system(results) .. environment(results)
    .. configuration(results) .. TERMS
end

function M.page(results)
  local entries, by_cell = comparison.of(results), by_cell_of(results)
  entries = compare.wanted(results, entries) and entries or nil
  return fill(PAGE, {
    name = results.run.name or "benchmark",
    css = style.css,
    script = style.script,
    navigation = navigation.html(results, entries, by_cell),
    head = head(results),
    notice = notice(results),
    body = body(results, entries, by_cell),
    version = results.run.version,
  })
end

local function copy(path, page)
  local parent = path:match("^(.*)/[^/]*$")
  if parent and parent ~= "" then
    local ok, message = file.mkdir(parent, 493)
    if not ok then
      return nil, message
    end
  end
  return file.write(path, page)
end

-- The page lies in the run's folder; ctx.report_path is where a copy goes.
function M:run(ctx, results)
  local page = M.page(results)
  local files = { ctx.dir .. "/report.html" }
  local ok, message = file.write(files[1], page, 384)
  if ok and ctx.report_path then
    files[2] = ctx.report_path
    ok, message = copy(ctx.report_path, page)
  end
  if not ok then
    return nil, message
  end
  return files
end

return M
