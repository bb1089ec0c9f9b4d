#!/usr/bin/env vernier
-- Finds the highest rate at which 99 % of the answers come in time. The service has 2 places and needs 5 ms: it can do 400 a
-- second.
local LIMIT_NS = 50e6
local WORKLOAD = "examples/search/workload.lua"

local BANK = {
  group = "servers", connector = "process",
  options = {
    command = "exec $VERNIER demo-server --port 0 --concurrency 2 --latency 'constant 5ms'",
    ready = { output = "listening" },
    publish = { port = { output = "listening on .-:(%d+)" } },
  },
}
local CLIENT = { group = "clients", connector = "http", options = { url = "http://127.0.0.1:${group.servers.0.port}" } }

---@param run vernier.Run
local function keeps_up(run, tps)
  local test = run:test{ test_name = "search", amend_test = true, groups = "clients", duration = 0.6,
    rate = { type = "fixed-rate", opts = { tps = tps } }, iteration_property = "rate.opts.tps", workload = WORKLOAD }
  local p99 = test.response_time_ns.p99
  run:log(("%d a second: p99 %.1f ms"):format(tps, p99 / 1e6))
  return p99 < LIMIT_NS
end

---@type vernier.Suite
local function search(run)
  run:stage("service-start", { groups = "servers" })
  local low, high = 50, 100
  while keeps_up(run, high) do
    low, high = high, high * 2
  end
  while high - low > low / 10 do
    local middle = math.floor((low + high) / 2)
    if keeps_up(run, middle) then
      low = middle
    else
      high = middle
    end
  end
  run:stage("add-result", { test_name = "search", result_name = "highest rate", value = low, unit = "1/s" })
end

return {
  name = "search",
  clusters = { { size = 2, groups = { { name = "servers", size = 1 }, { name = "clients", size = 1 } } } },
  configurations = { { name = "two places", setup = { BANK, CLIENT } } },
  scenario = search,
}
