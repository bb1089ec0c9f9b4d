local child = require("vernier.child")
local scheduler = require("vernier.scheduler")
local support = require("spec.support")

local SECOND = 1e9

-- What fn gives, run as the program's main task.
local function in_task(fn)
  return scheduler.run(fn)
end

local function soon(seconds)
  return scheduler.now() + (seconds or 20) * support.slow * SECOND
end

-- Starts a child, awaits its end: the result, what it wrote by stream, the child.
local function run(options)
  return in_task(function()
    local text = { stdout = "", stderr = "" }
    options.on_output = not options.output and function(part, stream)
      text[stream] = text[stream] .. part
    end or nil
    local c, message = child.start(options)
    if not c then
      return nil, message
    end
    return c:wait(soon()), text, c
  end)
end

-- Living processes whose environment has the mark that a child got.
local marks = 0
local function marked(options)
  marks = marks + 1
  options.env = options.env or {}
  options.env.SPEC_MARK = ("child-%d-%d"):format(require("vernier.core.process").pid(), marks)
  return options, function()
    return support.left_over(options.env.SPEC_MARK)
  end
end

local function wait_for(condition, what)
  local deadline = soon(10)
  while not condition() do
    assert(scheduler.now() < deadline, "waited in vain for " .. what)
    scheduler.sleep(10e6)
  end
end

describe("a child that cannot be started", function()
  it("is told why", function()
    for message, options in pairs({
      ["cannot run /no/such/program: No such file or directory"] = { argv = { "/no/such/program" } },
      ["/no/such/folder: no such directory"] = { command = "true", cwd = "/no/such/folder" },
      ["/no/such/folder/log: cannot create: No such file or directory"] = { command = "true", output = "/no/such/folder/log" },
      ["/no/such/errors: cannot create: "] = { command = "true", output = support.tmpdir() .. "/o", errors = "/no/such/errors" },
    }) do
      local result, why = run(options)
      assert.is_nil(result)
      assert.matches(message, why, 1, true)
    end
  end)

  it("with both or neither of command and argv: an error of the caller", function()
    assert.has_error(function() child.start({}) end, "a child needs either command or argv")
    assert.has_error(function() child.start({ command = "true", argv = { "true" } }) end)
  end)

  it("because a limit cannot be set: is told so", function()
    local result, why = run({ command = "true", limits = { nofile = 2 ^ 40 } })
    assert.is_nil(result)
    assert.matches("cannot limit nofile to 1099511627776: ", why, 1, true)
  end)
end)

describe("a child's end", function()
  it("is told by status and by signal", function()
    assert.are.same({ status = 0 }, (run({ argv = { "true" } })))
    assert.are.same({ status = 137 }, (run({ command = "exit 137" })))
    assert.are.same({ signal = 9 }, (run({ command = "kill -9 $$" })))
  end)

  it("by the death of its supervisor is a signal, and the command goes with it", function()
    local options, left = marked({ argv = { "sleep", "100" } })
    in_task(function()
      local c = assert(child.start(options))
      c._process:signal(9)
      assert.are.same({ signal = 9 }, c:wait(soon()))
      wait_for(function() return #left() == 0 end, "the command to end")
    end)
  end)

  it("is awaited by several tasks, each with a deadline", function()
    in_task(function()
      local c = assert(child.start({ command = "sleep 0.3; exit 4" }))
      local seen, n = {}, 0
      for i, seconds in ipairs({ 20, 20, 0.05 }) do
        scheduler.spawn(function()
          seen[i] = c:wait(scheduler.now() + seconds * SECOND) or false
          n = n + 1
        end)
      end
      wait_for(function() return n == 3 end, "the tasks")
      assert.are.same({ { status = 4 }, { status = 4 }, false }, seen)
      assert.is_false(c:running())
    end)
  end)

  it("takes along what it left behind, unless told to leave it", function()
    local command = "(setsid sleep 100 >/dev/null 2>&1 &); exit 3"
    local options, left = marked({ command = command })
    assert.are.same({ status = 3 }, (run(options)))
    assert.are.same({}, left())
    options, left = marked({ command = command, leave = true })
    assert.are.same({ status = 3 }, (run(options)))
    assert.are.equal(1, #left())
    os.execute("kill " .. left()[1]:match("^%d+"))
  end)
end)

describe("a child's surroundings", function()
  it("are folder, environment and the path of this executable", function()
    local _, text = run({ command = "pwd; echo $A; $VERNIER --version", cwd = "/", env = { A = "b c" } })
    assert.matches("^/\nb c\nvernier %d", text.stdout)
  end)

  it("are limits", function()
    local _, text = run({ command = "ulimit -n; ulimit -c", limits = { nofile = 64, core = 0 } })
    assert.are.equal("64\n0\n", text.stdout)
  end)

  it("give its own pid", function()
    local _, text, c = run({ command = "echo $$" })
    assert.are.equal(c.pid, tonumber(text.stdout))
  end)
end)

describe("a child's output", function()
  it("is captured whole, stream by stream", function()
    local _, text = run({ command = "echo a; echo b >&2; head -c 3000000 /dev/zero; sleep 0.1; echo z" })
    assert.are.equal("a\n" .. ("\0"):rep(3000000) .. "z\n", text.stdout)
    assert.are.equal("b\n", text.stderr)
  end)

  it("goes to files of mode 0600: one or two, appended to or emptied", function()
    local dir = support.tmpdir()
    local out, err = dir .. "/out", dir .. "/err"
    run({ command = "echo one; echo two >&2", output = out })
    assert.are.equal("one\ntwo\n", support.read_file(out))
    run({ command = "echo three; echo four >&2", output = out, errors = err })
    run({ command = "echo five; echo six >&2", output = out, errors = err, truncate_errors = true })
    assert.are.same({ "one\ntwo\nthree\nfive\n", "six\n" }, { support.read_file(out), support.read_file(err) })
    run({ command = "echo seven", output = out, truncate_output = true })
    assert.are.equal("seven\n", support.read_file(out))
    assert.are.equal("600 600", (support.run({ "stat", "-c", "%a", out, err }).stdout:gsub("\n(.)", " %1"):gsub("\n", "")))
  end)

  it("of a file is shown by its last lines", function()
    local path = support.write_file(support.tmpdir() .. "/log", "1\n2\n3\n4\n5\n6\n7\n")
    assert.are.equal("3\n4\n5\n6\n7", child.tail_of(path))
    assert.are.equal("6\n7", child.tail_of(path, 10))
    assert.are.equal("", child.tail_of("/no/such/file"))
  end)
end)

describe("stop", function()
  it("sends its signal, and gives what the command made of it", function()
    for signal, number in pairs({ TERM = 15, SIGINT = 2, QUIT = 3, [1] = 1 }) do
      in_task(function()
        local path = support.tmpdir() .. "/ready"
        local c = assert(child.start({ command = ("trap 'exit 4%d' %d; touch %s; while :; do sleep 0.05; done"):format(number % 10,
          number, path), output = "/dev/null" }))
        wait_for(function() return io.open(path) end, "the trap")
        assert.is_true(c:running())
        local result, killed = c:stop({ signal = signal, grace = 5 })
        assert.are.same({ status = 40 + number % 10 }, result)
        assert.is_false(killed)
        assert.is_false(c:running())
      end)
    end
  end)

  it("refuses what is no signal", function()
    in_task(function()
      local c = assert(child.start({ command = "sleep 100" }))
      assert.has_error(function() c:stop({ signal = "TREM" }) end, '"TREM" is no signal')
      c:kill()
    end)
  end)

  it("waits for what takes its time below a shell that has ended", function()
    in_task(function()
      local dir = support.tmpdir()
      local c = assert(child.start({ command = ([[sh -c 'trap "sleep 3; echo done > %s/done; exit 0" TERM
        echo > %s/ready; while :; do sleep 0.05; done'; true]]):format(dir, dir), output = "/dev/null" }))
      wait_for(function() return io.open(dir .. "/ready") end, "the trap")
      local _, killed = c:stop({ grace = 10 * support.slow })
      assert.is_false(killed)
      assert.are.equal("done\n", support.read_file(dir .. "/done"))
    end)
  end)

  for what, command in pairs({
    ["ignores the signal"] = "trap '' TERM; echo > ready; while :; do sleep 0.1; done",
    ["is stopped"] = "(until grep -q '^State:.T' /proc/$$/status; do sleep 0.01; done; echo > ready) & kill -STOP $$; sleep 100",
    ["left a daemon that ignores the signal"] =
      "(setsid sh -c 'trap \"\" TERM; echo > ready; while :; do sleep 0.1; done' &); sleep 100",
  }) do
    it("kills after the grace what " .. what, function()
      local dir = support.tmpdir()
      local options, left = marked({ command = command, cwd = dir })
      in_task(function()
        local c = assert(child.start(options))
        wait_for(function() return io.open(dir .. "/ready") end, "the command")
        local from = scheduler.now()
        local result, killed = c:stop({ grace = 0.3 })
        assert.is_true(killed)
        assert.is_truthy(result.signal)
        assert.is_true(scheduler.now() - from < 3 * support.slow * SECOND)
        assert.are.same({}, left())
      end)
    end)
  end

  it("kills at once when it is given up", function()
    in_task(function()
      local dir, given_up = support.tmpdir(), false
      local c = assert(child.start({ command = "trap '' TERM; echo > ready; while :; do sleep 0.1; done", cwd = dir }))
      wait_for(function() return io.open(dir .. "/ready") end, "the trap")
      scheduler.at(scheduler.now() + 0.2e9, function() given_up = true end)
      local result, killed = c:stop({ grace = 60, given_up = function() return given_up end })
      assert.are.same({ signal = 9 }, result)
      assert.is_true(killed)
    end)
  end)

  it("of one that has ended, again and after kill, gives its end", function()
    in_task(function()
      local c = assert(child.start({ command = "exit 5" }))
      assert.are.same({ status = 5 }, c:wait(soon()))
      assert.are.same({ status = 5 }, (c:stop()))
      assert.are.same({ status = 5 }, (c:kill()))
      c:interrupt()
    end)
  end)
end)

describe("interrupt", function()
  it("leaves everybody the same time to obey, however many end meanwhile", function()
    in_task(function()
      local dir = support.tmpdir()
      local c = assert(child.start({ cwd = dir, output = "/dev/null", command = [[
        trap 'sleep 0.8; echo > obeyed; exit 3' TERM
        i=0; while [ $i -lt 60 ]; do ((trap "sleep 0.$(printf %02d $i); exit 0" TERM; sleep 100 & wait) &) ; i=$((i + 1)); done
        echo > ready; while :; do sleep 0.05; done]] }))
      wait_for(function() return io.open(dir .. "/ready") end, "the processes")
      c:interrupt()
      assert.are.same({ status = 3 }, c:wait(soon()))
      assert.is_truthy(io.open(dir .. "/obeyed"))
    end)
  end)
end)

describe("kill", function()
  it("ends everything at once, also below a stopped supervisor", function()
    local options, left = marked({ command = "(setsid sleep 100 &); sleep 100" })
    in_task(function()
      local c = assert(child.start(options))
      wait_for(function() return #left() >= 4 end, "the processes")
      c._process:signal(19)
      assert.are.same({ signal = 9 }, c:kill())
      assert.are.same({}, left())
    end)
  end)
end)

describe("run", function()
  local function log()
    return support.tmpdir() .. "/log"
  end

  it("is true for status 0", function()
    assert.is_true((in_task(function() return child.run({ command = "true", timeout = 20 }) end)))
  end)

  it("gives status, signal and the last lines of the log", function()
    local ok, message = in_task(function()
      return child.run({ command = "for i in 1 2 3 4 5 6; do echo $i; done; exit 4", output = log(), timeout = 20 })
    end)
    assert.is_nil(ok)
    assert.are.equal('command "for i in 1 2 3 4 5 6; do echo $i; done; exit 4" exited with status 4:\n2\n3\n4\n5\n6', message)
    ok, message = in_task(function() return child.run({ command = "kill -9 $$", output = log(), timeout = 20 }) end)
    assert.is_nil(ok)
    assert.are.equal('command "kill -9 $$" exited with status 137 (signal 9)', message)
  end)

  it("ends what lasts too long, and what cannot be started is nil", function()
    local options, left = marked({ command = "sleep 100 & sleep 100", timeout = 0.2 })
    local ok, message = in_task(function() return child.run(options) end)
    assert.is_nil(ok)
    assert.are.equal('command "sleep 100 & sleep 100" did not end within 0.2 s', message)
    assert.are.same({}, left())
    ok, message = in_task(function() return child.run({ argv = { "/no/such/program" }, timeout = 1 }) end)
    assert.is_nil(ok)
    assert.matches("cannot run /no/such/program", message)
  end)
end)

describe("what a process has started", function()
  -- As a worker: a process that runs children and is killed.
  local PARENT = [[
    local child, scheduler = require("vernier.child"), require("vernier.scheduler")
    scheduler.run(function()
      assert(child.start({ command = "trap '' TERM; (setsid sleep 100 &); while :; do sleep 0.1; done" }))
      assert(child.start({ command = "sleep 100 & kill -STOP $!; wait" }))
      io.open("ready", "w"):close()
      scheduler.wait_key("never", math.huge)
    end)]]

  it("ends when that process is killed by SIGKILL", function()
    local dir = support.workspace({ ["parent.lua"] = PARENT })
    local parent = support.start_vernier({ "lua", "parent.lua", cwd = dir })
    support.wait_for(function()
      return io.open(dir .. "/ready") and #support.left_over(parent.mark) >= 7
    end, 10, "the children")
    parent:kill("KILL")
    assert.is_truthy(parent:wait(5))
    support.wait_for(function()
      return #support.left_over(parent.mark) == 0
    end, 10, "all to end: " .. table.concat(support.left_over(parent.mark), "; "))
  end)
end)
