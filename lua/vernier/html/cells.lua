-- The cells of a run: what became of each, its stages over time, and the custom results of stages.
local format = require("vernier.format")
local json = require("vernier.json")
local round = require("vernier.html.round")
local template = require("vernier.html.template")

local M = {}

local fill, escape = template.fill, template.escape

function M.anchor(cell)
  return "cell-" .. tostring(cell.cell):gsub("[^%w]", "-")
end

-- What a cell is called, also where it is the only one.
function M.name(results, cell)
  local place = results.names:place(cell)
  return place ~= "" and place or ("%s, size %d"):format(cell.configuration, cell.size)
end

-- text(row): nil or "" is shown as nothing; a column with nothing but that is left out.
local function text_column(title, class, text)
  local function has(row)
    local value = text(row)
    return value ~= nil and value ~= ""
  end
  return {
    title = title,
    class = class,
    cell = function(row)
      return has(row) and escape(text(row)) or round.duration(nil)
    end,
    shows = has,
  }
end

-- ---- the table of cells ----

local function groups_text(cell)
  local parts = {}
  for i, group in ipairs(cell.groups or {}) do
    parts[i] = ("%s %s"):format(group.name, group.size)
  end
  return table.concat(parts, ", ")
end

local function columns_of(results)
  return {
    {
      title = "Cell",
      class = "text name",
      cell = function(cell)
        return fill('<a href="#{anchor}">{name}</a>', { anchor = M.anchor(cell), name = M.name(results, cell) })
      end,
    },
    text_column("Groups", "text", groups_text),
    {
      title = "Status",
      class = "text",
      cell = function(cell)
        return round.badge(cell.status)
      end,
    },
    text_column("Attempt", nil, function(cell)
      return cell.attempt > 1 and cell.attempt or nil
    end),
    {
      title = "Took",
      cell = function(cell)
        return round.duration(cell.seconds and cell.seconds * 1e9)
      end,
    },
    text_column("Reason", "text reason", function(cell)
      return table.concat(cell.reasons, "; ")
    end),
  }
end

function M.html(results)
  local run = results.run
  return fill('<section class="card" id="cells"><h2>Cells</h2>{=facts}{=table}</section>', {
    facts = template.facts({
      { "Cells", #results.cells }, { "Repetitions", run.repetitions }, { "Order", run.order }, { "Restart", run.restart },
      { "Resumed", #results.resumed > 0 and ("%d times"):format(#results.resumed) or nil },
    }),
    table = template.table(columns_of(results), results.cells),
  })
end

-- ---- the stages of a cell ----

local function workers_text(stage)
  local parts = {}
  for i, index in ipairs(stage.workers or {}) do
    parts[i] = tostring(index)
  end
  return table.concat(parts, " ")
end

-- A bar from from_us to to_us within the span of the whole list.
local function bar(stage)
  local span = math.max(stage.span_us, 1)
  local from, to = 100 * (stage.at_us - stage.span_from_us) / span, 100 * (stage.end_us - stage.span_from_us) / span
  return fill('<div class="gantt"><i class="{class}" style="margin-left:{from}%;width:{width}%"></i></div>', {
    class = "is-" .. stage.status:gsub("[^%w]", "-"),
    from = ("%.2f"):format(from),
    width = ("%.2f"):format(math.max(to - from, 0.4)),
  })
end

local function properties(stage)
  if not stage.properties or next(stage.properties) == nil then
    return round.duration(nil)
  end
  return fill("<details><summary>{first}</summary><pre>{text}</pre></details>", {
    first = "show", text = json.encode(stage.properties),
  })
end

local STAGES = {
  text_column("Section", "text", function(stage)
    return stage.section
  end),
  text_column("Stage", "text name", function(stage)
    local name, label = stage.stage or "?", stage.label
    return label and label ~= name and name .. ": " .. label or name
  end),
  { title = "When", class = "text when", cell = bar },
  {
    title = "Took",
    cell = function(stage)
      return round.duration((stage.end_us - stage.at_us) * 1e3)
    end,
  },
  text_column("Workers", "text", workers_text),
  {
    title = "Status",
    class = "text",
    cell = function(stage)
      return round.badge(stage.status) .. (stage.reason and fill(" <span>{text}</span>", { text = stage.reason }) or "")
    end,
  },
  { title = "Properties", class = "text", cell = properties },
}

local function copied(stages)
  local list, from, to = {}, math.huge, 0
  for i, stage in ipairs(stages) do
    local at = stage.from_us or 0
    local row = {
      section = stage.section, stage = stage.stage, label = stage.label, workers = stage.workers,
      properties = stage.properties, status = stage.status or "?", reason = stage.reason,
      at_us = at, end_us = math.max(at, stage.to_us or at),
    }
    list[i], from, to = row, math.min(from, row.at_us), math.max(to, row.end_us)
  end
  for _, row in ipairs(list) do
    row.span_from_us, row.span_us = from, to - from
  end
  return list
end

local STAGES_MAX = 500 -- of one card: the journal has them all

-- A collapsed card of the stages for which belongs(stage) holds; of: what they are called there, " of A, size 3". Of very
-- many it shows the first, and those that did not go well.
function M.stages(results, belongs, of)
  local list, n = {}, 0
  for _, stage in ipairs(results.stages) do
    if belongs(stage) then
      n = n + 1
      if n <= STAGES_MAX or stage.status ~= "ok" and #list < 2 * STAGES_MAX then
        list[#list + 1] = stage
      end
    end
  end
  if n == 0 then
    return ""
  end
  return fill('<section class="card"><details><summary>{n} {word}{of}{shown}</summary>{=table}</details></section>', {
    n = n, word = n == 1 and "stage" or "stages", of = of, shown = #list < n and (" (%d shown)"):format(#list) or "",
    table = template.table(STAGES, copied(list)),
  })
end

-- ---- custom results ----

-- Whole where that is precise enough, else to six digits: summary.json has them all.
local function number_text(value)
  if type(value) ~= "number" then
    return tostring(value)
  end
  local whole = value % 1 == 0 or math.abs(value) >= 1e6
  return format.grouped((whole and math.abs(value) < 1e15 and "%.0f" or "%.6g"):format(value))
end

local function per_worker(record)
  local names = {}
  for index in pairs(record.workers or {}) do
    names[#names + 1] = index
  end
  if #names == 0 then
    return round.duration(nil)
  end
  table.sort(names, function(a, b)
    return (tonumber(a) or math.huge) < (tonumber(b) or math.huge)
  end)
  for i, index in ipairs(names) do
    names[i] = { ("worker %s"):format(index), number_text(record.workers[index]) }
  end
  return fill("<details><summary>{n} workers</summary>{=facts}</details>", { n = #names, facts = template.facts(names) })
end

local function member(title, class, name)
  return text_column(title, class, function(row)
    return row.record[name]
  end)
end

local CUSTOM = {
  member("Test", "text", "test"),
  member("Result", "text name", "name"),
  text_column("Cell", "text", function(row)
    return row.place
  end),
  member("Iteration", nil, "iteration"),
  text_column("Value", "strong", function(row)
    return number_text(row.record.value) .. (row.record.unit and " " .. row.record.unit or "")
  end),
  {
    title = "Per worker",
    class = "text",
    cell = function(row)
      return per_worker(row.record)
    end,
  },
}

-- "" when no stage gave any.
function M.custom(results)
  local by_index, rows = {}, {}
  for _, cell in ipairs(results.cells) do
    by_index[cell.cell] = cell
  end
  for i, record in ipairs(results.results) do
    local cell = by_index[record.cell]
    rows[i] = { record = record, place = cell and M.name(results, cell) }
  end
  if #rows == 0 then
    return ""
  end
  return '<section class="card" id="custom"><h2>Custom results</h2>' .. template.table(CUSTOM, rows) .. "</section>"
end

return M
