-- The instruments that the functional specs rely on, checked before anything is measured with them.
local contains = require("vernier.contains")
local support = require("spec.support")

describe("support.run", function()
  it("gives exit status, output and error output", function()
    local r = support.run({ "sh", "-c", "echo out; echo err >&2; exit 7" })
    assert.are.same({ 7, "out\n", "err\n" }, { r.status, r.stdout, r.stderr })
    assert.is_nil(r.timed_out)
  end)

  it("feeds input, sets the folder and the environment", function()
    local dir = support.workspace({ ["a/b.txt"] = "text" })
    local r = support.run({
      "sh", "-c", 'cat; cat a/b.txt; printf %s "$SPEC_X${HOME-unset}"',
      stdin = "in ", cwd = dir, env = { SPEC_X = " x ", HOME = false },
    })
    assert.are.equal("in text x unset", r.stdout)
  end)

  it("kills what exceeds its deadline, with its children", function()
    local r = support.run({ "sh", "-c", "sleep 100 & sleep 100", timeout = 0.2 })
    assert.is_true(r.timed_out)
    assert.are.equal(9, r.signal)
    assert.are.equal(137, r.status)
    support.wait_for(function()
      return #support.left_over(r.mark) == 0
    end, 5, "the children to be gone")
  end)

  it("names what a command leaves behind", function()
    local r = support.run({ "sh", "-c", "setsid sleep 100 >/dev/null 2>&1 & echo $!" })
    local left = support.left_over(r.mark)
    assert.are.equal(1, #left)
    assert.matches("sleep 100", left[1])
    os.execute("kill " .. left[1]:match("^%d+"))
  end)

  it("gives children the default signal actions", function()
    local child = support.start({ "sleep", "100" })
    assert.is_true(child:running())
    child:kill("INT")
    assert.are.equal(130, (child:wait(5)))
  end)

  it("refuses a program that does not exist", function()
    assert.has_error(function()
      support.run({ "no-such-program" })
    end, "cannot start no-such-program: No such file or directory")
  end)
end)

describe("support.wait_for", function()
  it("gives the value, or an error that says what was waited for", function()
    local n = 0
    assert.are.equal(3, support.wait_for(function()
      n = n + 1
      return n == 3 and n
    end, 5))
    assert.error_matches(function()
      support.wait_for(function() end, 0.05, "a miracle")
    end, "in vain for a miracle")
  end)
end)

describe("the witnesses", function()
  it("nginx counts and logs", function()
    local nginx = support.nginx({ locations = 'location /no { return 404 "no"; }' })
    assert.are.same({ status = 200, body = "ok\n" }, support.get(nginx.url .. "/x"))
    assert.are.equal(404, support.get(nginx.url .. "/no").status)
    local log = nginx.log()
    assert.are.equal(2, #log)
    assert.are.same({ 404, "/no", "GET" }, { log[2].status, log[2].uri, log[2].method })
    assert.is_true(log[1].at <= log[2].at)
    assert.are.equal(3, nginx.status().requests)
    nginx.stop()
    assert.is_false(support.accepts(nginx.port))
  end)

  it("nginx speaks TLS with a certificate of our own authority", function()
    local tls = support.certificate()
    local nginx = support.nginx({ tls = tls })
    local r = support.run({ "curl", "-s", "--cacert", tls.ca, nginx.url })
    assert.are.same({ 0, "ok\n" }, { r.status, r.stdout })
  end)

  it("the fault server delays, fails, chunks and remembers", function()
    local witness = support.witness()
    local started = support.now()
    assert.are.equal(200, support.get(witness.url .. "/delay/150").status)
    assert.is_true(support.now() - started >= 0.15)
    assert.are.equal(503, support.get(witness.url .. "/status/503").status)
    assert.are.equal(200, support.get(witness.url .. "/fail/2").status)
    assert.are.equal(500, support.get(witness.url .. "/fail/2").status)
    assert.are.equal("chunk 1\nchunk 2\n", support.get(witness.url .. "/chunked/2").body)
    assert.are.equal(0, support.get(witness.url .. "/reset").status)
    assert.are.equal("hello", support.get(witness.url .. "/echo", "-d", "hello").body)
    local arrivals = witness.arrivals()
    assert.are.equal(7, #arrivals)
    assert.are.same({ 0, "GET", "/delay/150" }, { arrivals[1].at, arrivals[1].method, arrivals[1].url })
    assert.is_true(arrivals[2].at >= 0.15)
    assert.are.same({ "POST", "hello" }, { arrivals[7].method, arrivals[7].body })
  end)
end)

-- npm leaves out an optional package whose engines are not those at hand, and says nothing: specs would find no node and be
-- pending. The nodes of chains are programs, which need no engine; npm writes it again when a lock is made anew.
describe("what npm has locked", function()
  for _, folder in ipairs({ "spec", "bench", "examples/ethereum" }) do
    it("is installed by Debian 12's node, too: " .. folder, function()
      local programs = 0
      for name, package in pairs(support.read_json(folder .. "/package-lock.json").packages) do
        if package.optional and package.os and contains(package.os, "linux") then
          programs = programs + 1
          assert.is_nil(package.engines, name .. ': take its "engines" out of the lock')
        end
      end
      assert.is_true(programs > 0)
    end)
  end
end)
