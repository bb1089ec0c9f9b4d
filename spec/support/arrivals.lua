-- Runs against a demo server of their own, whose arrival log proves when runs were sent.
local bench = require("spec.support.bench")
local support = require("spec.support")

local M = {}

-- The run's place in the plan travels in the path.
M.WORKLOAD = [[
  return { run = function(_, ctx)
    local path = ("/query?account=x&round=%s&worker=%d&index=%d&random=%d"):format(ctx.round.label, ctx.worker, ctx.index,
      ctx.random(1, 1e9))
    ctx.sut:send({ path = path, expect = { status = 404 } })
  end }]]

-- The arrivals of a server, in order: {at (ns), round, worker, index, random}.
local function arrivals_of(server)
  local list = server.arrivals()
  for _, arrival in ipairs(list) do
    local round, worker, index, random = arrival.path:match("^/query%?account=x&round=(%S-)&worker=(%d+)&index=(%d+)&random=(%d+)$")
    arrival.round, arrival.worker, arrival.index, arrival.random = round, tonumber(worker), tonumber(index), tonumber(random)
  end
  return list
end

-- One run against a demo server of its own (o: as for bench.workspace, server: its options, options: of the run); gives the
-- arrivals and the tests of the summary.
function M.run(o)
  local server = support.arrival_server(unpack(o.server or {}))
  local dir = bench.workspace({ workers = o.workers, rounds = o.rounds, workload = o.workload or M.WORKLOAD,
    network = ("caliper: {connector: http}\nhttp: {url: %q}\n"):format(server.url) })
  local r = bench.run(dir, o.options)
  assert(r.status == 0, r.stdout .. r.stderr)
  return arrivals_of(server), support.summary(dir).tests
end

-- Those of the round with that label.
function M.of_round(arrivals, label)
  local list = {}
  for _, arrival in ipairs(arrivals) do
    if arrival.round == label then
      list[#list + 1] = arrival
    end
  end
  return list
end

return M
