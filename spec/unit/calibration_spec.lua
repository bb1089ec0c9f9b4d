-- The calibration's file: whose it is, and what is wrong with it.
local calibration = require("vernier.calibration")
local cjson = require("cjson")
local json = require("vernier.json")
local machine = require("vernier.machine")
local support = require("spec.support")

local function sample(more)
  local c = {
    format = 1, made = "2026-01-02", version = "1", seconds = 3, pacing = "precise", machine = machine.describe(),
    clock = { source = "tsc", read_ns = 10.2, resolution_ns = 1 }, timer = { p50_ns = 30e3, p99_ns = 60e3, max_ns = 1e6 },
    lateness = { { tps = 1000, p50_ns = 800, p99_ns = 14e3, max_ns = 2e6 }, { tps = 10000, p50_ns = 300, p99_ns = 5e3, max_ns = 1e6 } },
    offset = { mean_ns = 80e3, held_ns = 5.1e6, service_mean_ns = 5.18e6 },
    offset_at_once = { mean_ns = 70e3, held_ns = 30e3, service_mean_ns = 100e3 }, noop = { throughput = 13.9e6, cpu_ns = 72 },
    http = { throughput = 90123, cpu_ns = 8100 }, steal = 0,
  }
  for name, value in pairs(more or {}) do
    c[name] = value
  end
  return c
end

describe("a calibration", function()
  local dir

  before_each(function()
    dir = support.tmpdir()
  end)

  it("is read as it was written, into folders that are made", function()
    local path = dir .. "/a/b/calibration.json"
    assert(calibration.prepare(path))
    assert(calibration.write(path, sample()))
    assert.are.same(sample(), calibration.of_this_machine(path))
  end)

  it("that is not there is none, without a word", function()
    assert.are.same({ n = 1 }, { n = select("#", calibration.of_this_machine(dir .. "/none")) })
    assert.is_nil(calibration.of_this_machine(nil))
  end)

  it("that is wanted and not there is missed, also where there is a folder", function()
    for _, path in ipairs({ dir .. "/none", dir }) do
      local c, message = calibration.of_this_machine(path, true)
      assert.is_nil(c)
      assert.is_string(message)
    end
  end)

  it("of another machine is not this one's", function()
    for name, other in pairs({ cores = 4096, cpu = "Z80", kernel = "0.1" }) do
      local there = machine.describe()
      there[name] = other
      assert(calibration.write(dir .. "/c", sample({ machine = there })))
      local c, message = calibration.of_this_machine(dir .. "/c")
      assert.is_nil(c)
      assert.matches("is of another machine %(its " .. name .. " is " .. tostring(other), message)
    end
  end)

  it("that is none is said to be none", function()
    for _, text in ipairs({ "", "{", "[]", "3", '{"format": 1}', '{"format": 1, "machine": 5}' }) do
      local c, message = calibration.of_this_machine(support.write_file(dir .. "/c", text))
      assert.is_nil(c)
      assert.matches("/c: not a calibration", message)
    end
    local _, message = calibration.of_this_machine(support.write_file(dir .. "/c", '{"format": 2, "machine": {}}'))
    assert.matches("of format 2, this vernier reads format 1", message)
  end)

  it("is told in rows and in a line", function()
    assert.are.same({
      { "clock", "tsc, 10.2 ns a reading" },
      { "timer", "wakes 30.0 µs late, 99 % within 60.0 µs" },
      { "lateness at 1000 tx/s", "800 ns, 99 % within 14.0 µs, at most 2.00 ms" },
      { "lateness at 10 k tx/s", "300 ns, 99 % within 5.00 µs, at most 1.00 ms" },
      { "pacing", "precise" },
      { "added to service time", "80.0 µs (the server held each request for 5.10 ms)" },
      { "added to service time", "70.0 µs (the server held each request for 30.0 µs)" },
      { "at most, noop", "13.9 M tx/s, 72.0 ns of CPU each" },
      { "at most, http", "90 k tx/s, 8.10 µs of CPU each" },
    }, calibration.rows(sample()))
    assert.are.equal("Error bar of this machine: 99 % of due times within 5.00 µs, service time +80.0 µs, 90 k tx/s at most by "
      .. "http, 13.9 M tx/s at most by noop (calibrated 2026-01-02)", calibration.line(sample()))
  end)

  it("that is not there is told with the reason", function()
    assert.are.equal("Error bar of this machine: not known: vernier calibrate measures it", calibration.line(nil))
    assert.are.equal("Error bar of this machine: not known: it is Tuesday", calibration.line(nil, "it is Tuesday"))
  end)

  it("holds only what can be told: the rest of a file is left out, however deep it is", function()
    local text = json.encode(sample()):gsub("^{", '{"x": ' .. ("["):rep(700) .. ("]"):rep(700) .. ",", 1)
    assert.are.same(sample(), calibration.of_this_machine(support.write_file(dir .. "/c", text)))
    local c = calibration.checked(sample({ lateness = { 5, cjson.null, { p99_ns = "x", tps = 7 } }, made = {}, steal = 0 / 0,
      noop = { throughput = 1 / 0, cpu_ns = 3 } }))
    assert.are.same({ lateness = { { tps = 7 } }, noop = { cpu_ns = 3 } }, { lateness = c.lateness, made = c.made, steal = c.steal,
      noop = c.noop })
    assert.is_nil(calibration.checked(cjson.null))
  end)

  it("with members that are missing or nonsense is told as far as it goes", function()
    for name in pairs(sample()) do
      for _, nonsense in ipairs({ false, "x", 7, { 7 }, { { {} } }, cjson.null }) do
        local c = calibration.checked(sample({ [name] = nonsense }))
        if name ~= "machine" then
          assert.is_true(#calibration.rows(c) >= 7, name)
          assert.is_string(calibration.line(c))
        end
      end
    end
  end)
end)

describe("its place", function()
  it("is the setting's, or among the user's state", function()
    local real = os.getenv
    local env = {}
    os.getenv = function(name) -- luacheck: ignore
      return env[name]
    end
    local places = { calibration.path("/x"), calibration.path() or "none" }
    env.HOME = "/h"
    places[3] = calibration.path()
    env.XDG_STATE_HOME = "/s"
    places[4] = calibration.path()
    env.XDG_STATE_HOME = "relative"
    places[5] = calibration.path()
    os.getenv = real -- luacheck: ignore
    assert.are.same({ "/x", "none", "/h/.local/state/vernier/calibration.json", "/s/vernier/calibration.json",
      "/h/.local/state/vernier/calibration.json" }, places)
  end)
end)
