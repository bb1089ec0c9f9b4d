-- Which reports a scenario asks for: built-in ones, the user's, with options, at the end of the run and again later.
local bench = require("spec.support.bench")
local support = require("spec.support")

local COUNT = [[
local M = { options = { file = { type = "string", default = "count.txt" } } }
function M:run(ctx, results)
  local path = ctx.dir .. "/" .. self.options.file
  local f = assert(io.open(path, "w"))
  f:write(#results.tests)
  f:close()
  return { path }
end
return M
]]

local function workspace(reports, files)
  files = files or {}
  files["benchmark.yaml"] = [[
scenario:
  - test: {test-name: a, workload: ./workload.lua, num-operations: 5, total-threads: 1}
  - test: {test-name: b, workload: ./workload.lua, num-operations: 5, total-threads: 1}
reports: ]] .. reports .. "\n"
  return bench.workspace({ files = files })
end

local function exists(path)
  local f = io.open(path)
  if f then
    f:close()
  end
  return f ~= nil
end

describe("the reports of a scenario", function()
  it("are those that it names, and summary.json", function()
    local dir = workspace("[text]")
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    local folder = support.runs(dir)[1]
    assert.is_true(exists(folder .. "/summary.json"))
    assert.is_false(exists(folder .. "/report.html"))
    assert.matches("| a    |", r.stdout, 1, true)
  end)

  it("may be the user's own, with options, and are made again by vernier report", function()
    local dir = workspace("[{./count.lua: {file: mine.txt}}]", { ["count.lua"] = COUNT })
    local r = bench.run(dir)
    assert.are.equal(0, r.status, r.stderr)
    local mine = support.runs(dir)[1] .. "/mine.txt"
    assert.are.equal("2", support.read_file(mine))
    os.remove(mine)
    r = support.vernier({ "report", support.runs(dir)[1], timeout = 20 })
    assert.are.equal(0, r.status, r.stderr)
    assert.are.equal("2", support.read_file(mine))
  end)

  it("that fail do not keep the others from being made", function()
    local dir = workspace("[./bad.lua, html]", { ["bad.lua"] = "return { run = function() error('no paper') end }" })
    local r = bench.run(dir)
    assert.are_not.equal(0, r.status)
    assert.matches("reporter ./bad.lua: .*no paper", r.stderr)
    assert.is_true(exists(support.runs(dir)[1] .. "/report.html"))
  end)

  it("that never return are ended at the hook timeout, with their place", function()
    local dir = workspace("[./loop.lua, html]", { ["loop.lua"] = "return { run = function()\nwhile true do end\nend }" })
    local r = bench.run(dir, { "--vernier-hook-timeout", "1s" })
    assert.are.equal(3, r.status, r.stderr)
    assert.matches("loop.lua:2: did not return for 1", r.stderr, 1, true)
    assert.is_true(exists(support.runs(dir)[1] .. "/report.html"))
  end)

  it("that are not there are told with their place before anything runs", function()
    local dir = workspace("[htlm]")
    local r = bench.run(dir)
    assert.are.equal(2, r.status)
    assert.matches('benchmark.yaml:4:11: unknown reporter "htlm" (did you mean html?)', r.stderr, 1, true)
  end)
end)
