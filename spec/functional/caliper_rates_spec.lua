-- Caliper's own sample files expand with the rate controllers that they name, nested ones included.
local support = require("spec.support")

local FOLDER = support.CALIPER_SAMPLES

-- The rows of the rounds, as {label, rate …}: columns are two blanks apart.
local function rounds_of(path)
  local r = support.vernier({ "check", path, "--expand" })
  assert.are.equal(0, r.status, path .. ": " .. r.stderr)
  local rows = {}
  for line in r.stdout:gmatch("[^\n]+") do
    if line:find("^  round %d") then
      local row = {}
      for cell in (line:gsub("   *", "\0") .. "\0"):gmatch("(%Z+)%z") do
        row[#row + 1] = cell
      end
      rows[#rows + 1] = row
    end
  end
  return rows
end

local NAMES = { "composite-rate", "fixed-backlog", "fixed-feedback-rate", "fixed-load", "fixed-rate", "linear-rate", "maximum-rate",
  "record-rate", "replay-rate", "zero-rate" }

-- The names in a text, in order.
local function names_in(text)
  local found = {}
  for _, name in ipairs(NAMES) do
    local at = 1
    while true do
      local from, to = text:find("%f[%w-]" .. name:gsub("%-", "%%-") .. "%f[^%w-]", at)
      if not from then
        break
      end
      found[#found + 1], at = { from, name }, to + 1
    end
  end
  table.sort(found, function(a, b) return a[1] < b[1] end)
  for i, entry in ipairs(found) do
    found[i] = entry[2]
  end
  return found
end

-- What the file says, by a reader of its own: `type:` within each block `rateControl:`, by indentation; nil where a block is
-- an alias of another.
local function written_in(path)
  local inside, names = nil, {}
  for line in io.lines(path) do
    local indent, rest = line:match("^( *)(.*)$")
    if rest:find("^rateControl: *[*&]") then
      return nil
    end
    if inside and rest ~= "" and (#indent < inside or #indent == inside and not rest:find("^%-")) then
      inside = nil
    end
    if rest:find("^%-? *rateControl:") then
      inside = #indent + (rest:find("^%- ") and 2 or 0)
    elseif inside then
      names[#names + 1] = rest:match("^[%- ]*type: *([%w-]+)%s*$")
    end
  end
  return names
end

describe("Caliper's sample files", function()
  it("expand with the controllers that they name, in order", function()
    local files, compared = support.caliper_samples("*.yaml"), 0
    if #files == 0 then
      return pending("the sample files are not here")
    end
    for _, path in ipairs(files) do
      local expected, got = written_in(path), {}
      for _, row in ipairs(rounds_of(path)) do
        for _, name in ipairs(names_in(row[4])) do
          got[#got + 1] = name
        end
      end
      if expected then
        assert.is_true(#expected > 0, path)
        assert.are.same(expected, got, path)
        compared = compared + 1
      end
    end
    assert.is_true(compared >= #files - 1, compared .. " of " .. #files)
  end)

  -- Read by eye from the files.
  for path, expected in pairs({
    ["v0.3.2/benchmarks/scenario/simple/config-composite-rate.yaml"] = {
      "composite-rate logChange=true rateControllers=[fixed-rate(tps=20), fixed-rate(tps=40), zero-rate, fixed-rate(tps=30)]"
        .. " weights=[10, 5, 5, 10]" },
    ["v0.1.0/benchmarks/scenario/simple/config-linear-rate.yaml"] = { "linear-rate finishingTps=75 startingTps=25" },
    ["v0.1.0/benchmarks/scenario/simple/config-feedback-rate.yaml"] = {
      "fixed-feedback-rate sleep_time=1000 tps=100 unfinished_per_client=10", "fixed-rate tps=300", "fixed-rate tps=400" },
    ["v0.3.2/benchmarks/samples/fabric/fabcar/config.yaml"] = { "fixed-backlog unfinished_per_client=5",
      "fixed-backlog unfinished_per_client=5", "fixed-backlog unfinished_per_client=5", "fixed-backlog unfinished_per_client=5" },
    ["latest/benchmarks/scenario/smallbank/config.yaml"] = { "fixed-rate tps=20", "fixed-rate tps=20", "fixed-rate tps=20" },
    ["v0.1.0/benchmarks/scenario/simple/config-record-replay-rate.yaml"] = {
      "record-rate logEnd=true outputFormat=TEXT pathTemplate=../tx_records_client<C>.txt rateController=fixed-rate(tps=50)",
      "record-rate logEnd=true outputFormat=BIN_BE pathTemplate=../tx_records_client<C>.be.bin rateController=fixed-rate(tps=50)",
      "record-rate logEnd=true outputFormat=BIN_LE pathTemplate=../tx_records_client<C>.le.bin rateController=fixed-rate(tps=50)",
      "replay-rate defaultSleepTime=50 inputFormat=TEXT logWarnings=true pathTemplate=../tx_records_client<C>.txt",
      "replay-rate defaultSleepTime=50 inputFormat=BIN_BE logWarnings=true pathTemplate=../tx_records_client<C>.be.bin",
      "replay-rate defaultSleepTime=50 inputFormat=BIN_LE logWarnings=true pathTemplate=../tx_records_client<C>.le.bin" },
  }) do
    it("has its options: " .. path, function()
      if #support.caliper_samples("*.yaml") == 0 then
        return pending("the sample files are not here")
      end
      local rates = {}
      for i, row in ipairs(rounds_of(FOLDER .. "/" .. path)) do
        rates[i] = row[4]
      end
      assert.are.same(expected, rates)
    end)
  end
end)
