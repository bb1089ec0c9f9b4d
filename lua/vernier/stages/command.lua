-- Runs a command on the workers, under the supervisor: awaits its exit, or keeps it running under a name until a later
-- stage cancels it or the cell ends.
local child = require("vernier.child")
local children = require("vernier.worker.children")
local scheduler = require("vernier.scheduler")

local SECOND = 1e9
local SPARE = 30 -- seconds, for what has to be killed
local GRACE = 10 -- seconds, for a command that is cancelled
local STOP_GRACE = 2 -- seconds, when the stage has to stop
local NAMELESS = "command"

local M = {
  where = "workers",
  options = {
    cmd = { type = "string", aliases = { "command" },
      doc = "shell text, in which $VERNIER is this program; with args, the program to run without a shell" },
    args = { type = "list", of = { type = "string" }, aliases = { "argv" },
      doc = "arguments of cmd; without cmd the program and its arguments" },
    ["exit-values"] = { type = "ranges", default = { 0 }, doc = "statuses that are good; 128 + n after signal n" },
    out = { type = "string", doc = "file for what it writes; relative to the workspace; a log in the run's folder if absent" },
    err = { type = "string", doc = "file for standard error; as out if absent" },
    ["out-append"] = { type = "boolean", default = false, doc = "append to out" },
    ["err-append"] = { type = "boolean", default = false, doc = "append to err" },
    environment = { type = "key-value", doc = "variables in addition to the worker's" },
    directory = { type = "string", doc = "working directory; relative to the workspace, which is the default" },
    ["wait-for-exit"] = { type = "boolean", default = true, doc = "false: it goes on while the next stages run" },
    timeout = { type = "duration", min = 0.001, doc = "for its exit; vernier-command-timeout if absent" },
    var = { type = "string", doc = "name under which cancel finds it" },
    cancel = { type = "string", doc = "instead of running one: end the command of that name" },
  },
}

-- ---- on the manager ----

local function timeout_of(ctx, options)
  return options.timeout or ctx.settings:get("vernier-command-timeout")
end

function M:data(ctx, options)
  local given = options.cmd or options.args
  if options.cancel and given then
    error("either runs a command or cancels one", 0)
  elseif not options.cancel and not given then
    error("needs one of cmd, args and cancel", 0)
  end
  return { timeout = timeout_of(ctx, options) }
end

function M:deadline(ctx)
  return (self.options["wait-for-exit"] and timeout_of(ctx, self.options) or 0) + SPARE
end

-- ---- on a worker ----

local function in_workspace(ctx, path)
  if path and path:sub(1, 1) ~= "/" then
    return ctx.workspace .. "/" .. path
  end
  return path
end

-- The command as messages may tell it; a list that comes from the environment is one text there.
local function told(shown)
  local args = shown.args
  args = type(args) == "table" and table.concat(args, " ") or args
  return shown.cmd and args and shown.cmd .. " " .. args or shown.cmd or args
end

local function spec_of(ctx, o)
  local argv = o.args
  if o.args and o.cmd then
    argv = { o.cmd, unpack(o.args) }
  end
  return {
    command = not argv and o.cmd or nil, argv = argv, text = told(ctx:shown()),
    cwd = in_workspace(ctx, o.directory or "."), env = o.environment,
    output = in_workspace(ctx, o.out) or ("%s/command-%d.log"):format(ctx.run_dir, ctx.index), errors = in_workspace(ctx, o.err),
    truncate_output = o.out and not o["out-append"], truncate_errors = not o["err-append"],
  }
end

local function cancel(ctx, name)
  local list = children.take(ctx.state, name)
  if #list == 0 then
    return nil, ('has no command "%s" to cancel'):format(name)
  end
  local result, killed = list[1]:stop({ grace = GRACE })
  if not result then
    return nil, killed
  end
  return { status = result.status, signal = result.signal, killed = killed }
end

-- How the command ended; or nil and why it was not awaited to its end.
local function await(ctx, running, timeout)
  local function stopping()
    return ctx:stopping()
  end
  local result = running:wait(scheduler.now() + timeout * SECOND, stopping)
  if result then
    return result
  end
  running:stop({ grace = STOP_GRACE })
  if ctx:stopping() then
    return nil, "was stopped: " .. ctx:stopping()
  end
  return nil, ('command "%s" did not end within %g s'):format(running.text, timeout)
end

local function judge(running, result, good)
  for _, value in ipairs(good) do
    if value == (result.status or 128 + result.signal) then
      return { status = result.status, signal = result.signal }
    end
  end
  return nil, running:failure(result)
end

function M:run(ctx, options, data)
  if options.cancel then
    return cancel(ctx, options.cancel)
  end
  local name = options.var or NAMELESS
  if options.var and #children.running(ctx.state, name) > 0 then
    return nil, ('has a command "%s" that still runs'):format(name)
  end
  local running, message = child.start(spec_of(ctx, options))
  if not running then
    return nil, message
  end
  children.keep(ctx.state, name, running)
  if not options["wait-for-exit"] then
    return { pid = running.pid }
  end
  local result
  result, message = await(ctx, running, data.timeout)
  if not result then
    return nil, message
  end
  return judge(running, result, options["exit-values"])
end

return M
