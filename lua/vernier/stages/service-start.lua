-- Starts the services of the workers, in their order or all at once, and waits until they have found each other. What
-- they publish is known as ${group.NAME.INDEX.key} from then on.
local scheduler = require("vernier.scheduler")
local contains = require("vernier.contains")
local service = require("vernier.stage.service")

local SECOND = 1e9
local POLL = 0.1 -- seconds between two looks at the members of the cluster

local M = {
  where = "workers",
  traits = { lifecycle = "skip", clustered = "optional" },
  options = {
    ["validate-cluster"] = { type = "boolean", default = true,
      doc = "wait until every service sees expect-num-workers members; for services with the trait clustered" },
    ["expect-num-workers"] = { type = "integer", min = 1,
      doc = "members that are expected; as many as execute the stage if absent" },
    ["cluster-formation-timeout"] = { type = "duration", default = 180, min = 0,
      doc = "until then the members have to be there" },
    ["stagger-worker-startup"] = { type = "boolean", default = true, doc = "start one worker after the other, by the delays" },
    ["delay-after-first-worker-starts"] = { type = "duration", default = 0, min = 0,
      doc = "from the start of the first to that of the second; RadarGun waits 5 s" },
    ["delay-between-starting-workers"] = { type = "duration", default = 0, min = 0,
      doc = "between the starts of the others; RadarGun waits 500 ms" },
    ["start-timeout"] = { type = "duration", default = 300, min = 0.001,
      doc = "for a service to be ready, besides a time limit of its own; who takes longer is lost" },
    ["may-fail-on"] = { type = "ranges", doc = "indices of workers whose failure does not fail the stage" },
  },
}

-- ---- on the manager ----

-- The start of the worker of that rank, in seconds after the first one's.
local function delay_of(rank, options)
  if rank == 0 or not options["stagger-worker-startup"] then
    return 0
  end
  return options["delay-after-first-worker-starts"] + (rank - 1) * options["delay-between-starting-workers"]
end

function M:deadline(ctx)
  local options = self.options
  return delay_of(math.max(0, #ctx.executors - 1), options) + options["start-timeout"]
    + (options["validate-cluster"] and options["cluster-formation-timeout"] or 0)
end

-- Whether the others go on when that worker fails.
function M:tolerates(index)
  return contains(self.options["may-fail-on"], index)
end

function M:acks(ctx, acks, options)
  service.publish(ctx, acks)
  return service.verdict(ctx, acks, options["may-fail-on"])
end

-- ---- on a worker ----

-- How many members the service sees; its trait tells their number or a list of them.
local function members_of(ctx)
  local members, message = ctx:trait("clustered").members(ctx.service, ctx)
  if members == nil and message then
    return nil, message
  end
  return type(members) == "table" and #members or tonumber(members) or 0
end

local function await_members(ctx, options)
  if not ctx:trait("clustered") then
    ctx.log("the cluster is not validated: the service has no trait clustered", "debug")
    return true
  end
  local expected, timeout = options["expect-num-workers"] or ctx.workers, options["cluster-formation-timeout"]
  local deadline_ns = scheduler.now() + timeout * SECOND
  while true do
    local members, message = members_of(ctx)
    if members == expected then
      return true
    elseif scheduler.now() >= deadline_ns then
      return nil, ("has started its service, which sees %s of %d members after %g s"):format(members or message, expected,
        timeout)
    end
    ctx:sleep(POLL)
  end
end

function M:run(ctx, options)
  local delay = delay_of(ctx.worker, options)
  if delay > 0 then
    ctx:sleep(delay)
  end
  local payload, message = service.start(ctx)
  if payload and options["validate-cluster"] then
    local ok
    ok, message = await_members(ctx, options)
    return payload, not ok and message or nil
  end
  return payload, message
end

return M
