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

  it("leaves what the command left behind on purpose", function()
    local r = support.vernier({ "launch", "supervisor", "--", "/bin/sh", "-c", "setsid sleep 100 >/dev/null 2>&1 & exit 0" })
    assert.are.equal(0, r.status)
    local left = support.left_over(r.mark)
    assert.are.equal(1, #left)
    os.execute("kill " .. left[1]:match("^%d+"))
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

  it("ends everything when its parent dies", function()
    local parent = support.start({ "/bin/sh", "-c",
      support.quote(support.binary) .. " launch supervisor -- sleep 100 & wait" })
    support.wait_for(function()
      return #support.left_over(parent.mark) >= 3
    end, 5, "the processes to start")
    parent:kill("KILL")
    parent:wait(5)
    support.wait_for(function()
      return #support.left_over(parent.mark) == 0
    end, 10, "all to end")
  end)
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
