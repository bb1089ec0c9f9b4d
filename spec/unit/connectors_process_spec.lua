local options = require("vernier.options")
local plugins = require("vernier.plugins")
local scheduler = require("vernier.scheduler")
local support = require("spec.support")

-- What a stage's context has, in the folder.
local function new_context(dir)
  return { run_dir = dir, workspace = dir, index = 3, sleep = function(_, seconds)
    scheduler.sleep(seconds * 1e9)
  end, stopping = function() end }
end

-- A service with these options in a folder of its own: service, ctx, folder.
local function new_service(values)
  local dir = support.tmpdir()
  local service = assert(plugins.new("connector", "process", values, dir))
  service:init(new_context(dir))
  return service, new_context(dir), dir
end

-- fn(service, ctx, dir) as the main task; the service's end hook comes after it.
local function with(values, fn)
  return scheduler.run(function()
    local service, ctx, dir = new_service(values)
    local results = { pcall(fn, service, ctx, dir) }
    service["end"](service, ctx)
    if not results[1] then
      error(results[2], 0)
    end
    return unpack(results, 2)
  end)
end

local function start(service, ctx)
  return service.traits.lifecycle.start(service, ctx)
end

local function stop(service, ctx, more)
  return service.traits.lifecycle.stop(service, ctx, more)
end

local function running(service)
  return service.traits.lifecycle.running(service)
end

local function is_alive(pid)
  return io.open("/proc/" .. pid .. "/stat") ~= nil
end

describe("wrong options", function()
  for message, values in pairs({
    ["stop-signal: must be the name of a signal"] = { command = "x", ["stop-signal"] = "TREM" },
    ["log: must be the name of a file"] = { command = "x", log = "../x" },
    ["ready.http.url: must be http://"] = { command = "x", ready = { http = { url = "localhost" } } },
    ["ready.output: is no Lua pattern"] = { command = "x", ready = { output = "port (%d+" } },
    ["ready.port: must be at most 65535"] = { command = "x", ready = { port = 70000 } },
    ['publish: must have a value or {output: "pattern (capture)"} under "port"'] = { command = "x", publish = { port = { out = "x" } } },
    ["publish: port.output is no Lua pattern"] = { command = "x", publish = { port = { output = "%d)" } } },
    ['unknown option "files"'] = { command = "x", limits = { files = 3 } },
  }) do
    it("are refused: " .. message, function()
      local service, why = plugins.new("connector", "process", values, ".")
      assert.is_nil(service)
      assert.matches(message, why, 1, true)
    end)
  end

  it("are refused by init: neither or both of command and argv, an empty ready", function()
    for message, values in pairs({
      ["process: needs one of command and argv"] = {},
      ["process: ready needs one of port, output and http"] = { argv = { "true" }, ready = {} },
    }) do
      assert.has_error(function() new_service(values) end, message)
    end
    assert.has_error(function() new_service({ command = "x", argv = { "x" } }) end, "process: needs one of command and argv")
  end)
end)

describe("a start that fails", function()
  it("because the program is not there, or the directory", function()
    with({ argv = { "/no/such/program" } }, function(service, ctx)
      local ok, why = start(service, ctx)
      assert.is_nil(ok)
      assert.are.equal("cannot run /no/such/program: No such file or directory", why)
      assert.is_false(running(service))
    end)
    with({ command = "true", directory = "nowhere" }, function(service, ctx)
      local _, why = start(service, ctx)
      assert.matches("/nowhere: no such directory$", why)
    end)
  end)

  it("because the command ends before it is ready: with its status and last lines of this start", function()
    with({ command = "echo no license >&2; exit 3", ready = { output = "up" } }, function(service, ctx, dir)
      support.write_file(dir .. "/service-3.log", "an older line\n")
      local ok, why = start(service, ctx)
      assert.is_nil(ok)
      assert.are.equal("the command exited with status 3 before it was ready:\nno license", why)
    end)
    with({ command = "kill -9 $$", ready = { output = "up" } }, function(service, ctx)
      local _, why = start(service, ctx)
      assert.are.equal("the command was ended by signal 9 before it was ready", why)
    end)
  end)

  for what, case in pairs({
    port = { { port = support.free_port() }, "connection refused" },
    output = { { output = "listening" }, 'the command has not written "listening"' },
    http = { { http = { url = ("http://127.0.0.1:%d/"):format(support.free_port()) } }, "refused" },
  }) do
    it("because it is not ready in time by " .. what .. ": nothing of it is left", function()
      case[1].timeout = 0.3
      with({ command = "echo starting; sleep 100 & sleep 100", ready = case[1] }, function(service, ctx)
        local child_pid
        local ok, why = start(service, { run_dir = ctx.run_dir, workspace = ctx.workspace, index = 3, sleep = function(_, s)
          child_pid = service._child and service._child.pid or child_pid
          scheduler.sleep(s * 1e9)
        end })
        assert.is_nil(ok)
        assert.matches("the service was not ready within 0.3 s: ", why, 1, true)
        assert.matches(case[2], why, 1, true)
        assert.matches("starting", why, 1, true)
        assert.is_false(running(service))
        assert.is_false(is_alive(child_pid))
      end)
    end)
  end

  it("because somebody else has the port, before anything is started", function()
    scheduler.run(function()
      local other = assert(require("vernier.server").new({ port = 0 }, function() end))
      for _, ready in ipairs({ { port = other.port }, { http = { url = ("http://127.0.0.1:%d/"):format(other.port) } } }) do
        local service, ctx, dir = new_service({ command = "echo > begun", ready = ready })
        local ok, why = start(service, ctx)
        assert.is_nil(ok)
        assert.matches(("port %d of 127.0.0.1 is taken already"):format(other.port), why, 1, true)
        assert.is_nil(io.open(dir .. "/begun"))
      end
      other:close()
    end)
  end)

  it("because it runs already", function()
    with({ command = "sleep 100" }, function(service, ctx)
      local first = assert(start(service, ctx))
      local ok, why = start(service, ctx)
      assert.is_nil(ok)
      assert.are.equal("the service runs already", why)
      assert.is_true(is_alive(first.pid))
    end)
  end)

  it("because the stage has to stop: nothing of it is left", function()
    with({ command = "sleep 100", ready = { output = "up" } }, function(service, ctx)
      local pid
      ctx.sleep = function()
        pid = service._child.pid
        error("was stopped: enough", 0)
      end
      assert.has_error(function() start(service, ctx) end, "was stopped: enough")
      assert.is_false(running(service))
      assert.is_false(is_alive(pid))
    end)
  end)
end)

describe("the demo server as a service", function()
  local values = { command = "exec $VERNIER demo-server --port 0", ready = { output = "listening on" },
    publish = { port = { output = "listening on .-:(%d+)" }, name = "demo" } }

  it("publishes its port, is stopped, and starts again", function()
    with(values, function(service, ctx, dir)
      for _ = 1, 2 do
        local published = assert(start(service, ctx))
        assert.are.equal("demo", published.name)
        assert.is_true(running(service))
        assert.is_true(is_alive(published.pid))
        assert.is_true(support.accepts(published.port))
        local result = assert(stop(service, ctx))
        assert.are.same({ status = 0 }, result)
        assert.is_false(running(service))
        assert.is_false(support.accepts(published.port))
      end
      local _, n = support.read_file(dir .. "/service-3.log"):gsub("listening on", "")
      assert.are.equal(2, n)
    end)
  end)

  it("is ready by port and by HTTP", function()
    local port = support.free_port()
    local url = ("http://127.0.0.1:%d/account/1"):format(port)
    for _, ready in ipairs({ { port = port }, { http = { url = url, status = 404 } }, { port = port, http = { url = url, status = 404 } } }) do
      with({ argv = { support.binary, "demo-server", "--port", tostring(port) }, ready = ready }, function(service, ctx)
        assert(start(service, ctx))
        assert.is_true(support.accepts(port))
      end)
    end
  end)

  it("is killed at once", function()
    with(values, function(service, ctx)
      local published = assert(start(service, ctx))
      assert.are.same({ signal = 9, killed = true }, service.traits.killable.kill(service, ctx))
      assert.is_false(running(service))
      assert.is_false(is_alive(published.pid))
      assert.is_true((service.traits.killable.kill(service, ctx)))
      assert.is_true((stop(service, ctx)))
    end)
  end)

  it("ends with its connector", function()
    local published
    with(values, function(service, ctx)
      published = assert(start(service, ctx))
    end)
    assert.is_false(is_alive(published.pid))
  end)
end)

describe("a service's command", function()
  it("has its directory, environment, limits and log", function()
    with({ command = "pwd; echo $A; ulimit -n; echo go; sleep 100", directory = "sub", log = "mine.log",
      environment = { A = "b c" }, limits = { nofile = 99 }, ready = { output = "go" } }, function(service, ctx, dir)
      os.execute("mkdir " .. dir .. "/sub")
      assert(start(service, ctx))
      assert.are.equal(dir .. "/sub\nb c\n99\ngo\n", support.read_file(dir .. "/mine.log"))
    end)
  end)

  it("is not taken for ready by half a line", function()
    with({ command = "printf 'port 12'; sleep 0.15; echo 345; sleep 100", publish = { port = { output = "port (%d+)" } },
      ready = { output = "port", interval = 0.02 } }, function(service, ctx)
      assert.are.equal(12345, assert(start(service, ctx)).port)
    end)
    with({ command = "printf 'ready> '; sleep 100", ready = { output = "ready>" } }, function(service, ctx)
      assert(start(service, ctx))
    end)
  end)

  it("gets its stop signal; what does not obey is killed after the time, and said so", function()
    with({ command = "trap 'echo bye; exit 7' INT; echo up; while :; do sleep 0.05; done", ["stop-signal"] = "SIGINT",
      ready = { output = "up" } }, function(service, ctx, dir)
      assert(start(service, ctx))
      assert.are.same({ status = 7 }, assert(stop(service, ctx)))
      assert.matches("bye", support.read_file(dir .. "/service-3.log"))
    end)
    local values = { command = "trap '' TERM; echo up; while :; do sleep 0.1; done", ["stop-timeout"] = 0.2, ready = { output = "up" } }
    for _, timeout in ipairs({ 60, 0.1 }) do
      with(values, function(service, ctx)
        assert(start(service, ctx))
        local from = scheduler.now()
        assert.are.same({ signal = 9, killed = true }, assert(stop(service, ctx, { timeout = timeout })))
        local seconds = (scheduler.now() - from) / 1e9
        assert.is_true(seconds >= math.min(timeout, 0.2) and seconds < 3 * support.slow)
      end)
    end
  end)

  it("is killed at once where the stage has to stop", function()
    with({ command = "trap '' TERM; echo up; while :; do sleep 0.1; done", ["stop-timeout"] = 60, ready = { output = "up" } },
      function(service, ctx)
        assert(start(service, ctx))
        ctx.stopping = function() return "enough" end
        assert.are.same({ signal = 9, killed = true }, assert(stop(service, ctx)))
      end)
  end)

  it("that ends by itself is not running, and may be started again", function()
    with({ command = "echo up; sleep 0.1" }, function(service, ctx)
      assert(start(service, ctx))
      local deadline = scheduler.now() + 10e9
      while running(service) and scheduler.now() < deadline do
        scheduler.sleep(10e6)
      end
      assert.is_false(running(service))
      assert(start(service, ctx))
    end)
  end)
end)

describe("the declaration", function()
  it("has a doc for every option, and defaults that are checked", function()
    local module = require("connectors.process")
    for name, spec in pairs(module.options) do
      assert.is_string(spec.doc, name)
    end
    local checked = assert(options.check(module.options, { command = "x", ready = { port = 1 } }))
    assert.are.same({ "TERM", 10, 60, 0.05, "127.0.0.1" }, { checked["stop-signal"], checked["stop-timeout"],
      checked.ready.timeout, checked.ready.interval, checked.ready.host })
  end)
end)
