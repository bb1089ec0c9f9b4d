-- The report's table of contents. Tests of many cells are folded away by configuration and cell.
local cells = require("vernier.html.cells")
local compare = require("vernier.html.compare")
local names = require("vernier.results.names")
local round = require("vernier.html.round")
local style = require("vernier.html.style")
local template = require("vernier.html.template")

local M = {}

local fill = template.fill

local OPEN_MAX = 6 -- so many cells are shown unfolded

-- Whether there are so many cells that each is folded.
function M.folded(results)
  return #results.cells > OPEN_MAX
end

local function link(anchor, label, status)
  return fill('<a href="#{anchor}">{=dot}<span title="{label}">{label}</span></a>', {
    anchor = anchor, label = label,
    dot = status and fill('<i class="dot-status is-{status}"></i>', { status = status:gsub(" ", "-") }) or "",
  })
end

local function test_links(tests)
  local out = {}
  for i, t in ipairs(tests) do
    out[i] = link(round.anchor(t), names.short(t), t.status)
  end
  return table.concat(out)
end

local function without_configuration(results, cell)
  local name = cells.name(results, cell)
  local prefix = tostring(cell.configuration) .. ", "
  return name:sub(1, #prefix) == prefix and name:sub(#prefix + 1) or name
end

-- by_cell: tests of each cell.
local function configurations(results, by_cell)
  local order, parts = {}, {}
  for _, cell in ipairs(results.cells) do
    local configuration = tostring(cell.configuration)
    if not parts[configuration] then
      order[#order + 1], parts[configuration] = configuration, {}
    end
    table.insert(parts[configuration], link(cells.anchor(cell), without_configuration(results, cell), cell.status))
    table.insert(parts[configuration], '<div class="tests">' .. test_links(by_cell[cell.cell] or {}) .. "</div>")
  end
  local out = {}
  for i, configuration in ipairs(order) do
    out[i] = fill("<details{open}><summary>{name}</summary>{=cells}</details>", {
      open = M.folded(results) and "" or " open", name = configuration, cells = table.concat(parts[configuration]),
    })
  end
  return table.concat(out)
end

local function comparisons(entries)
  local out = {}
  for i, entry in ipairs(entries) do
    out[i] = link(compare.anchor(i), entry.name)
  end
  return table.concat(out)
end

-- entries: what is compared (vernier.results.comparison), or nil; by_cell: tests by cell, `false` for those of none.
function M.html(results, entries, by_cell)
  local many, first = #results.cells > 1, results.tests[1]
  return fill([[
<nav><div class="brand">{=logo}vernier</div><div class="toc">
{=comparisons}<h2>Results</h2>{=cells}<a href="#summary">Summary</a>{=custom}<a href="#certificate">Certificate</a>
{=tests}
<h2>Circumstances</h2><a href="#system">System under test</a><a href="#environment">Environment</a>
<a href="#configuration">Configuration</a><a href="#terms">Terms</a></div></nav>
]], {
    logo = style.logo,
    cells = many and '<a href="#cells">All cells</a>' or "",
    custom = #results.results > 0 and '<a href="#custom">Custom results</a>' or "",
    comparisons = entries and "<h2>Comparison</h2>" .. comparisons(entries) or "",
    tests = many and "<h2>Cells</h2>" .. configurations(results, by_cell) .. test_links(by_cell[false] or {})
      or (first and not first.spec.round and "<h2>Tests</h2>" or "<h2>Rounds</h2>") .. test_links(results.tests),
  })
end

return M
