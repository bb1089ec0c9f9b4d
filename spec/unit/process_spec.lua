local process = require("vernier.core.process")
local scheduler = require("vernier.scheduler")
local support = require("spec.support")

-- Runs a command to its end: the exit event's n and status, and what it wrote.
local function run(args, options)
  return scheduler.run(function()
    local out, result = {}, nil
    local tag = scheduler.on(function(event)
      if event.kind == process.OUTPUT then
        out[#out + 1] = require("vernier.core.link").text(event)
      else
        result = { event.n, event.status }
      end
    end)
    local child, message = process.spawn(tag, args, options)
    if not child then
      scheduler.forget(tag)
      return nil, message
    end
    local deadline = scheduler.now() + 20e9
    while not result and scheduler.now() < deadline do
      scheduler.sleep(2e6)
    end
    scheduler.sleep(20e6)
    child:close()
    scheduler.forget(tag)
    scheduler.sleep(5e6)
    return result, table.concat(out)
  end)
end

describe("spawn", function()
  it("gives exit status, signal and output", function()
    assert.are.same({ 3, 0 }, (run({ "/bin/sh", "-c", "exit 3" })))
    assert.are.same({ 0, 9 }, (run({ "/bin/sh", "-c", "kill -9 $$" })))
    local _, out = run({ "/bin/sh", "-c", "echo a; echo b >&2" }, { capture = true })
    assert.matches("a", out)
    assert.matches("b", out)
  end)

  it("sets folder and environment", function()
    local _, out = run({ "/bin/sh", "-c", "pwd; echo $VN_X $HOME" }, { capture = true, cwd = "/", env = { VN_X = "y=z", HOME = "h" } })
    assert.are.equal("/\ny=z h\n", out)
  end)

  it("appends output to a file", function()
    local path = support.tmpdir() .. "/log"
    run({ "/bin/sh", "-c", "echo one" }, { output = path })
    run({ "/bin/sh", "-c", "echo two >&2" }, { output = path })
    assert.are.equal("one\ntwo\n", support.read_file(path))
  end)

  it("says what cannot be started", function()
    local result, message = run({ "/no/such/program" })
    assert.is_nil(result)
    assert.matches("/no/such/program", message)
    result, message = run({ "/bin/true" }, { output = "/no/such/folder/log" })
    assert.is_nil(result)
    assert.matches("/no/such/folder/log", message)
  end)

  it("puts the child into a session of its own", function()
    local _, out = run({ "/bin/sh", "-c", "ps -o sid= -p $$; echo $$" }, { capture = true })
    local sid, pid = out:match("(%d+)%s+(%d+)")
    assert.are.equal(sid, pid)
  end)
end)

describe("the supervisor", function()
  local function supervise(command)
    return support.start_vernier({ "launch", "supervisor", "--", "/bin/sh", "-c", command })
  end

  it("passes the exit status on", function()
    local r = support.vernier({ "launch", "supervisor", "--", "/bin/sh", "-c", "exit 5" })
    assert.are.equal(5, r.status)
    r = support.vernier({ "launch", "supervisor", "--", "/bin/sh", "-c", "kill -TERM $$" })
    assert.are.equal(143, r.status)
    r = support.vernier({ "launch", "supervisor", "--", "/no/such/program" })
    assert.are.equal(127, r.status)
  end)

  it("leaves what the command left behind on purpose, when asked to", function()
    local r = support.vernier({ "launch", "supervisor", "--leave", "--", "/bin/sh", "-c",
      "setsid sleep 100 >/dev/null 2>&1 & exit 0" })
    assert.are.equal(0, r.status)
    local left = support.left_over(r.mark)
    assert.are.equal(1, #left)
    os.execute("kill " .. left[1]:match("^%d+"))
  end)

  it("ends with the command what it left behind: a daemon, and one that ignores SIGTERM", function()
    local r = support.vernier({ "launch", "supervisor", "--", "/bin/sh", "-c",
      "(setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &) & setsid sleep 100 & sleep 0.2; exit 6" })
    assert.are.equal(6, r.status)
    assert.are.same({}, support.left_over(r.mark))
  end)

  it("refuses what it cannot do, by one line and a status of its own", function()
    for _, case in ipairs({
      { 127, "cannot run /no/such/program: No such file or directory", "--", "/no/such/program" },
      { 2, 'unknown limit "files" (there are core, cpu, memory, nofile, processes)', "--limit", "files=3", "--", "true" },
      { 2, 'limit "nofile=many": must be a whole number', "--limit", "nofile=many", "--", "true" },
      { 2, 'limit "nofile" must look like nofile=1024', "--limit", "nofile", "--", "true" },
      { 2, "unknown option --limits", "--limits", "nofile=1", "--", "true" },
      { 2, "needs a command behind --", "--leave" },
    }) do
      local words = { "launch", "supervisor" }
      for i = 3, #case do
        words[i] = case[i]
      end
      local r = support.vernier(words)
      assert.are.equal(case[1], r.status, r.stderr)
      assert.matches(case[2], r.stderr, 1, true)
    end
  end)

  it("does not start anything when its parent is gone already", function()
    local r = support.vernier({ "launch", "supervisor", "--parent", "1", "--", "/bin/sh", "-c", "echo here" })
    assert.are.same({ 127, "" }, { r.status, r.stdout })
  end)

  it("limits the command and not itself", function()
    local r = support.vernier({ "launch", "supervisor", "--limit", "nofile=100", "--limit", "core=0", "--limit", "cpu=7",
      "--limit", "memory=1G", "--limit", "processes=4000", "--", "/bin/sh", "-c",
      "grep -E 'open files|core|cpu|address|processes' /proc/$$/limits; grep 'open files' /proc/$PPID/limits" })
    assert.are.equal(0, r.status, r.stderr)
    assert.matches("Max cpu time%s+7%s+8", r.stdout)
    assert.matches("Max core file size%s+0%s+0", r.stdout)
    assert.matches("Max processes%s+4000%s+4000", r.stdout)
    assert.matches("Max open files%s+100%s+100", r.stdout)
    assert.matches("Max address space%s+1073741824%s+1073741824", r.stdout)
    local own = r.stdout:match("Max open files%s+(%d+)[^\n]*\n*$")
    assert.is_true(tonumber(own) > 100, r.stdout)
  end)

  it("tells by SIGXCPU when the limit of CPU time is reached", function()
    local r = support.vernier({ "launch", "supervisor", "--limit", "cpu=1", "--limit", "core=0", "--", "/bin/sh", "-c",
      "while :; do :; done" })
    assert.are.equal(128 + 24, r.status, r.stderr)
  end)

  it("gives the command the signals' default actions", function()
    local r = support.vernier({ "launch", "supervisor", "--", "/bin/sh", "-c", "grep -E 'SigIgn|SigBlk' /proc/self/status" })
    -- Above the 31 standard signals the C library keeps two for itself.
    assert.matches("SigBlk:%s+0000000000000000\nSigIgn:%s+%x+[08]0000000\n", r.stdout)
  end)

  it("ends everything when told, also what left the process group and ignores SIGTERM", function()
    local s = supervise("setsid sh -c 'trap \"\" TERM; sleep 100; sleep 100' & sleep 100")
    support.wait_for(function()
      return #support.left_over(s.mark) >= 4
    end, 5, "the processes to start")
    s:kill("TERM")
    assert.is_truthy(s:wait(10))
    assert.are.equal(0, #support.left_over(s.mark))
  end)

  for what, command in pairs({
    ["what obeys"] = "sleep 100",
    ["a daemon (double fork, own session), and what ignores SIGTERM"] =
      "(setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 1; done' &); sleep 100",
    ["a stopped process"] = "sleep 100 & kill -STOP $!; sleep 100",
    ["a stopped command"] = "sleep 100 & kill -STOP $$",
    ["a command that ignores SIGTERM"] = "trap '' TERM; while :; do sleep 1; done",
  }) do
    it("ends everything when its parent is killed: " .. what, function()
      local parent = support.start({ "/bin/sh", "-c", ("%s launch supervisor -- /bin/sh -c %s & wait"):format(
        support.quote(support.binary), support.quote(command)) })
      support.wait_for(function()
        return #support.left_over(parent.mark) >= 3
      end, 5, "the processes to start")
      support.sleep(0.3)
      parent:kill("KILL")
      parent:wait(5)
      support.wait_for(function()
        return #support.left_over(parent.mark) == 0
      end, 10, "all to end: " .. table.concat(support.left_over(parent.mark), "; "))
    end)
  end
end)

describe("facts", function()
  it("are plausible", function()
    assert.is_true(process.cores() >= 1)
    assert.is_true(process.rss_anon() > 100000)
    local limit, enough = process.raise_nofile(64)
    assert.is_true(limit >= 64 and enough)
    assert.is_false(select(2, process.raise_nofile(1e18)))
    assert.is_false(process.is_terminal(999))
  end)
end)
