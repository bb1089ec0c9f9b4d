-- ns per record of a histogram: in C as a load does it, and from a compiled Lua loop.
local compile = require("support.compile")
local figures = require("support.figures")
local work = require("support.work")

local AT_MOST_NS = 5
local SOURCES = { "histogram.c", "base64.c", "error.c" }

local function one(words)
  return function()
    work.run("histogram", words, { core = work.client_core, seconds = 60 })
    return { ns = tonumber(work.read("histogram.out")) }
  end
end

return function(b)
  local program = compile("histogram", SOURCES)
  for _, digits in ipairs({ "1", "3", "5" }) do
    local all = figures.turns(b.repeats, {
      { "inline", one({ program, "inline", digits }) },
      { "lua", one({ work.vernier, "lua", work.bench .. "/support/histogram_loop.lua", digits }) },
    })
    figures.add({ bench = "histogram", what = ("a record, %s digits, exponential values"):format(digits), unit = "ns",
      vernier = all.inline.ns, at_most = digits == "3" and AT_MOST_NS or nil })
    figures.add({ bench = "histogram", what = "... from Lua", unit = "ns", vernier = all.lua.ns })
  end
end
