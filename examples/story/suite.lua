#!/usr/bin/env vernier
-- The story as a suite: a function that runs stages.
local function bank(operation)
  return { module = "examples/story/workload.lua", arguments = { operation = operation } }
end

local function fixed(tps)
  return { type = "fixed-rate", opts = { tps = tps } }
end

---@type vernier.Suite
local function story(run)
  run:test{ test_name = "open", num_operations = 200, rate = fixed(400), workload = bank("open") }
  run:round{ label = "query", txNumber = 300, rateControl = fixed(600), workload = bank("query") }
  run:test{ test_name = "transfer", num_operations = 100, total_threads = 4, workload = bank("transfer") }
end

return { name = "story", network = "examples/story/network.yaml", clusters = { { size = 2 } }, scenario = story }
