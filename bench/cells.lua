-- What a scenario costs beside its load: an empty stage on 8 workers, and the way from one cell to the next, with new
-- workers.
local figures = require("support.figures")
local reader = require("vernier.results.reader")
local round = require("support.round")
local work = require("support.work")

local SCENARIO = [[
clusters: [{ size: 8 }]
configurations: [{ name: a }, { name: b }]
repetitions: 3
scenario:
  - repeat: { times: 100, do: [./empty.lua] }
]]

-- From the end of one stage to that of the next in the same cell; from the end of a cell to that of the next one's first
-- stage; in ms.
local function times(folder)
  local stages, cells = {}, {}
  local stage_end_us, cell_end_us
  reader.manager(folder, function(record)
    if record.type == "stage" and record.section == "scenario" then
      if stage_end_us then
        stages[#stages + 1] = (record.to_us - stage_end_us) / 1e3
      elseif cell_end_us then
        cells[#cells + 1] = (record.to_us - cell_end_us) / 1e3
      end
      stage_end_us = record.to_us
    elseif record.type == "cell-end" then
      stage_end_us, cell_end_us = nil, record.at_us
    end
  end, error)
  return stages, cells
end

local function run()
  work.write("empty.lua", 'return { where = "workers", options = {}, run = function() return 1 end }\n')
  work.write("cells.yaml", SCENARIO)
  work.write("cells-network.yaml", "caliper: { blockchain: noop }\n")
  os.execute("rm -rf " .. work.quote(work.dir .. "/runs"))
  work.run("cells", { work.vernier, "run", "cells.yaml", "cells-network.yaml", "--workspace", work.dir }, { seconds = 60 })
  local stages, cells = times(round.folder())
  table.sort(stages)
  return { stage = figures.median(stages), p99 = stages[math.ceil(#stages * 0.99)], cell = figures.median(cells) }
end

return function(b)
  local all = figures.turns(b.repeats, { { "vernier", run } }).vernier
  figures.add({ bench = "cells", what = "an empty stage on 8 workers", unit = "ms", vernier = all.stage })
  figures.add({ bench = "cells", what = "... p99", unit = "ms", vernier = all.p99 })
  figures.add({ bench = "cells", what = "from cell to cell, 8 new workers", unit = "ms", vernier = all.cell })
end
