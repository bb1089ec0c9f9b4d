#!/usr/bin/env vernier
-- A benchmark file that is a program: one round per rate, built by a loop.
local rounds = {}

for _, tps in ipairs({ 100, 200, 400 }) do
  rounds[#rounds + 1] = {
    label = ("rate-%d"):format(tps),
    txDuration = 1,
    rateControl = { type = "fixed-rate", opts = { tps = tps } },
    workload = { module = "examples/suite/workload.lua" },
  }
end

return { test = { name = "suite", description = "three rates", workers = { number = 1 }, rounds = rounds } }
