-- Writes report.html: one self-contained file that loads nothing, with everything from outside escaped.
local file = require("vernier.core.file")
local format = require("vernier.format")
local json = require("vernier.json")
local round = require("vernier.html.round")
local style = require("vernier.html.style")
local svg = require("vernier.svg")
local template = require("vernier.html.template")

local M = { options = {} }

local fill, escape = template.fill, template.escape

local VERDICTS = { VALID = "ok", SUSPECT = "warn", INVALID = "bad" }

-- ---- navigation and head ----

local function navigation(results)
  local out = {}
  for _, t in ipairs(results.tests) do
    out[#out + 1] = fill('<a href="#{anchor}"><i class="dot-status is-{status}"></i><span>{label}</span></a>', {
      anchor = round.anchor(t), status = t.status, label = round.label(t),
    })
  end
  return fill([[
<nav><div class="brand">{=logo}vernier</div><div class="toc">
<h2>Results</h2><a href="#summary">Summary</a><a href="#certificate">Certificate</a>
<h2>Rounds</h2>{=rounds}
<h2>Circumstances</h2><a href="#system">System under test</a><a href="#environment">Environment</a>
<a href="#configuration">Configuration</a><a href="#terms">Terms</a></div></nav>
]], { logo = style.logo, rounds = table.concat(out) })
end

local function badge(class, text)
  return fill('<span class="badge {class}">{text}</span>', { class = class, text = text })
end

local function failed_count(results)
  local n = 0
  for _, t in ipairs(results.tests) do
    n = n + (t.status == "failed" and 1 or 0)
  end
  return n
end

local function status_badges(results)
  local failed, n = failed_count(results), #results.tests
  local badges = {}
  if failed > 0 then
    badges[1] = badge("bad", ("%d of %d rounds failed"):format(failed, n))
  elseif results.status == "failed" then
    badges[1] = badge("bad", "failed")
  end
  if results.status == "interrupted" then
    badges[#badges + 1] = badge("warn", "interrupted")
  elseif #badges == 0 then
    badges[1] = badge("ok", "all rounds ran")
  end
  return table.concat(badges)
end

local function head(results)
  local run = results.run
  local badges = {
    status_badges(results),
    badge(VERDICTS[results.certificate.verdict], "certificate " .. results.certificate.verdict),
    badge("plain", ("%d round%s"):format(#results.tests, #results.tests == 1 and "" or "s")),
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

local function notice_item(t)
  return fill('<li><a href="#{anchor}">Round {round}, {label}</a> {status}: {reasons}</li>', {
    anchor = round.anchor(t),
    round = t.spec.round or t.id,
    label = round.label(t),
    status = t.status,
    reasons = #t.reasons > 0 and (table.concat(t.reasons, "; "):gsub("%s*\n.*", "")) or "no reason was recorded",
  })
end

-- What failed comes first: nobody should read rates without knowing.
local function notice(results)
  local items, worst = {}, "warn"
  for _, t in ipairs(results.tests) do
    if t.status ~= "ok" then
      items[#items + 1] = notice_item(t)
      worst = t.status == "failed" and "bad" or worst
    end
  end
  for _, event in ipairs(results.events) do
    items[#items + 1] = fill("<li>{message} <small>(at {at})</small></li>", {
      message = event.message or event.what or "event", at = format.span((tonumber(event.at_us) or 0) / 1e6),
    })
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
    return fill('<span class="dot-status is-{status}" title="{status}"></span><a href="#{anchor}">{label}</a>', {
      status = row.test.status, anchor = round.anchor(row.test), label = round.label(row.test),
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

local function summary(rows)
  local body = #rows > 0 and template.table(SUMMARY, rows) or '<p class="none">No round was started.</p>'
  return '<section class="card" id="summary"><h2>Summary of performance metrics</h2>' .. body .. "</section>"
end

local VERDICT_TEXT = {
  VALID = "Nothing was observed that casts doubt on these numbers.",
  SUSPECT = "The numbers were measured under circumstances that may have distorted them.",
  INVALID = "Part of what should have been measured was lost: do not compare these numbers.",
}

local function certificate(results)
  local c = results.certificate
  local items = {}
  for i, reason in ipairs(c.reasons) do
    items[i] = "<li>" .. escape(reason) .. "</li>"
  end
  return fill([[
<section class="card" id="certificate"><div class="round-head"><div><h2>Certificate</h2><p>{text}</p></div>
<span class="badge {class}">{verdict}</span></div>{=reasons}</section>
]], {
    text = VERDICT_TEXT[c.verdict],
    class = VERDICTS[c.verdict],
    verdict = c.verdict,
    reasons = #items > 0 and "<ul>" .. table.concat(items) .. "</ul>" or "",
  })
end

-- ---- circumstances ----

local function flat_facts(t)
  local names, facts = {}, {}
  for name in pairs(t) do
    names[#names + 1] = tostring(name)
  end
  table.sort(names)
  for i, name in ipairs(names) do
    local value = t[name]
    facts[i] = { name, type(value) == "table" and (json.line(value)) or tostring(value) }
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

local function body(results)
  local rows, rounds = {}, {}
  for i, t in ipairs(results.tests) do
    rows[i] = { test = t, rows = results:representation("series", t, ROWS_MAX) }
    rounds[i] = round.html(results, t, rows[i].rows)
  end
  return summary(rows) .. certificate(results) .. table.concat(rounds) .. system(results) .. environment(results)
    .. configuration(results) .. TERMS
end

function M.page(results)
  return fill(PAGE, {
    name = results.run.name or "benchmark",
    css = style.css,
    script = style.script,
    navigation = navigation(results),
    head = head(results),
    notice = notice(results),
    body = body(results),
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
