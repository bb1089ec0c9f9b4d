-- Rounds of benchmark files of all generations (vernier.config.rounds), against the tables of Caliper's own validator; where we
-- are stricter or more tolerant on purpose the row says so.
local config = require("spec.support.config")

local resolve, texts, round_text = config.resolve, config.texts, config.round_text

local MISSING_AMOUNT = 'either the "txDuration" or the "txNumber" attribute must be specified'

describe("a round", function()
  local CASES = {
    { {}, nil },
    { { label = false }, 'Missing "label" attribute' },
    { { label = '""' }, 'Missing "label" attribute' },
    { { label = "0" }, 'Missing "label" attribute' },
    { { label = "null" }, 'Missing "label" attribute' },
    { { label = "5" }, '"label" attribute must be a string' },
    { { label = "true" }, '"label" attribute must be a string' },
    { { label = "[ a ]" }, '"label" attribute must be a string' },
    { { description = "7" }, nil },
    { { description = "[x]" }, nil },
    { { txNumber = false }, MISSING_AMOUNT },
    { { txNumber = "0" }, MISSING_AMOUNT },
    { { txNumber = "null" }, MISSING_AMOUNT },
    { { txNumber = ".nan" }, MISSING_AMOUNT },
    { { txNumber = '"100"' }, '"txNumber" attribute must be a number' },
    { { txNumber = "true" }, '"txNumber" attribute must be a number' },
    { { txNumber = "{}" }, '"txNumber" attribute must be a number' },
    { { txNumber = "9007199254740993" }, '"txNumber" attribute must be a number' },
    -- Caliper takes these, and runs something else than was written
    { { txNumber = "-5" }, '"txNumber" attribute must be a whole number of at least 1, not -5' },
    { { txNumber = "1.5" }, '"txNumber" attribute must be a whole number of at least 1, not 1.5' },
    { { txNumber = ".inf" }, '"txNumber" attribute must be a whole number of at least 1, not inf' },
    { { txNumber = "-.inf" }, '"txNumber" attribute must be a whole number of at least 1, not -inf' },
    { { txNumber = false, txDuration = "-1" }, '"txDuration" attribute must be a positive number of seconds, not -1' },
    { { txNumber = false, txDuration = ".inf" }, '"txDuration" attribute must be a positive number of seconds, not inf' },
    -- lists are the older form, which Caliper 0.4 refuses
    { { txNumber = "[100]" }, nil },
    { { txNumber = "[100,200]" }, nil },
    { { txNumber = "[100, x]" }, '"txNumber" attribute must be a number' },
    { { txNumber = "[100, 0]" }, '"txNumber" attribute must be a whole number of at least 1, not 0' },
    { { txNumber = "[]" }, MISSING_AMOUNT },
    { { txDuration = "10" }, 'The "txDuration" and "txNumber" attributes are mutually exclusive' },
    { { txDuration = "0" }, nil },
    { { txNumber = "0", txDuration = "10" }, nil },
    { { txNumber = false, txDuration = "10" }, nil },
    { { txNumber = false, txDuration = '"10"' }, '"txDuration" attribute must be a number' },
    { { txNumber = false, txDuration = "[10]" }, nil },
    { { txNumber = false, txDuration = "0.5" }, nil },
    { { txNumber = false, txDuration = "0" }, MISSING_AMOUNT },
    { { txNumber = "0", txDuration = "0" }, MISSING_AMOUNT },
    { { txNumber = '"x"', txDuration = "10" }, '"txNumber" attribute must be a number' },
    { { rateControl = false }, 'Missing "rateControl" attribute' },
    { { rateControl = "null" }, 'Missing "rateControl" attribute' },
    { { rateControl = "fixed-rate" }, '"rateControl" attribute must be an object' },
    { { rateControl = "[]" }, '"rateControl" attribute has 0 entries for 1 rounds' },
    { { rateControl = "[[]]" }, '"rateControl" attribute must not be an array of arrays' },
    { { rateControl = "[{type: fixed-rate}]" }, nil },
    -- Caliper finds these in the worker only
    { { rateControl = "{}" }, 'rateControl: Missing "type" attribute' },
    { { rateControl = "{type: 5}" }, 'rateControl: "type" attribute must be a string' },
    { { rateControl = "{type: fixed-rte}" }, 'unknown rate controller "fixed-rte"' },
    { { rateControl = "{type: fixed-rate, opts: 5}" }, 'rateControl: "opts" attribute must be an object' },
    { { rateControl = "{type: fixed-rate, opts: {tsp: 5}}" }, 'rateControl: unknown option "tsp"' },
    { { rateControl = "{type: fixed-rate, opts: {tps: x}}" }, 'rateControl: "tps" must be a number' },
    { { workload = false }, 'Missing "workload" attribute' },
    { { workload = "w.js" }, '"workload" attribute must be an object' },
    { { workload = "[]" }, 'Missing "workload.module" attribute' },
    { { workload = "{}" }, 'Missing "workload.module" attribute' },
    { { workload = '{module: ""}' }, 'Missing "workload.module" attribute' },
    { { workload = "{module: 5}" }, '"workload.module" attribute must be a string' },
    { { workload = "{module: w.lua}" }, nil },
    { { workload = "{module: w.lua, arguments: x}" }, '"workload.arguments" attribute must be an object' },
    { { workload = "{module: w.lua, arguments: 5}" }, '"workload.arguments" attribute must be an object' },
    { { workload = "{module: w.lua, arguments: 0}" }, nil },
    { { workload = "{module: w.lua, arguments: [1]}" }, nil },
    { { workload = "{module: w.lua, arguments: null}" }, nil },
    { { trim = "10" }, nil },
    { { trim = "0" }, nil },
    { { trim = '"10"' }, '"trim" attribute must be a number' },
    { { trim = "true" }, '"trim" attribute must be a number' },
    { { trim = "[1]" }, '"trim" attribute must be a number' },
    { { trim = "-1" }, '"trim" attribute must be a whole number of runs, not -1' },
    { { trim = "0.5" }, '"trim" attribute must be a whole number of runs, not 0.5' },
    { { trim = "0.5", txNumber = false, txDuration = "10" }, nil },
    -- the form of 0.3, refused by 0.4
    { { callback = "x.lua", workload = false }, nil },
    { { callback = "x.lua", workload = false, rateControl = false }, nil },
    { { callback = "5", workload = false }, '"callback" attribute must be a string' },
    { { callback = "x.lua" }, nil },
    { { chaincodeID = "x", txMode = "{type: file-write}" }, nil },
  }
  for _, case in ipairs(CASES) do
    local changes = {}
    for _, key in ipairs(config.ORDER) do
      if case[1][key] ~= nil then
        changes[#changes + 1] = key .. " " .. tostring(case[1][key])
      end
    end
    it(("with %s"):format(changes[1] and table.concat(changes, ", ") or "no change"), function()
      local result, found = resolve(round_text(case[1]))
      local errors = texts(found, "error")
      if case[2] then
        assert.are.equal(1, #errors)
        assert.are.equal("Round 1: " .. case[2], (errors[1]:gsub("^%S+ ", ""):gsub("^unknown", "Round 1: unknown")))
        assert.is_nil(result)
      else
        assert.are.same({}, errors)
        assert.are.equal("a", result.rounds[1].label)
      end
    end)
  end

  it("is read into one form", function()
    local result = resolve(round_text({ trim = "5", description = "what it does" }))
    local round = result.rounds[1]
    assert.are.same({ label = "a", description = "what it does", number = 100, trim = 5,
      rate = { type = "fixed-rate", opts = { tps = 10 }, position = { line = 7, column = 18 } },
      workload = { module = "w.lua", arguments = {} }, position = { line = 4, column = 5 } }, round)
    assert.is_false(result.legacy)
    assert.are.equal(1, result.workers)
    assert.are.equal("b", result.name)
  end)

  it("may have options of our own", function()
    local own = "    maxInFlight: 50\n    catchUp: drop\n    lateAfter: 5ms\n    drain: 2\n    timeout: 1m\n    onError: stop\n"
      .. "    onFailure: continue\n    histogramDigits: 5\n"
    local result = resolve("test:\n  workers: {number: 2}\n" .. round_text({}):gsub("^test:\n", "") .. "\n" .. own)
    local round = result.rounds[1]
    assert.are.same({ 50, "drop", 0.005, 2, 60, "stop", "continue", 5 }, { round.maxInFlight, round.catchUp, round.lateAfter,
      round.drain, round.timeout, round.onError, round.onFailure, round.histogramDigits })
  end)

  it("may have its runs made ahead", function()
    for text, expected in pairs({ sign = { sign = "memory" }, ["{sign: file}"] = { sign = "file" },
      ["{sign: memory, number: 500}"] = { sign = "memory", number = 500 } }) do
      local result = resolve(round_text({}) .. "\n    prepare: " .. text)
      assert.are.same(expected, result.rounds[1].prepare)
    end
    for text, expected in pairs({ sing = 'must be "sign", or {sign: memory or file, number: N}', ["[sign]"] = 'must be "sign"',
      ["{sign: disk}"] = "one of memory, file", ["{number: 5}"] = "sign", ["{sign: file, number: 0}"] = "at least 1",
      ["{sign: file, numbr: 5}"] = "did you mean number?" }) do
      local _, found = resolve(round_text({}) .. "\n    prepare: " .. text)
      local errors = texts(found, "error")
      assert.are.equal(1, #errors)
      assert.matches('^8:14 Round 1: "prepare" ', errors[1])
      assert.is_truthy(errors[1]:find(expected, 1, true), errors[1])
    end
  end)

  it("must say how many, where that cannot be known before", function()
    local open = 'Round 1: "prepare" needs a number: how many runs there will be is not known before'
    local closed = { txNumber = false, txDuration = "10", rateControl = "{type: fixed-load, opts: {transactionLoad: 5}}" }
    local result, found = resolve(round_text(closed) .. "\n    prepare: sign")
    assert.is_nil(result)
    assert.are.same({ "8:14 " .. open }, texts(found, "error"))
    assert.are.equal("write prepare: {sign: memory, number: N}", found[#found].hint)
    found = select(2, resolve(round_text(closed) .. "\n    prepare: {sign: file}"))
    assert.are.equal("write prepare: {sign: file, number: N}", found[#found].hint)
    closed.txDuration = "[10, 20]"
    found = select(2, resolve(round_text(closed) .. "\n    prepare: sign"))
    assert.are.same({ "8:14 " .. open }, texts(found, "error"))
    for _, known in ipairs({ { txNumber = false, txDuration = "10" }, { rateControl = closed.rateControl },
      { txNumber = false, txDuration = "10", rateControl = "{type: ./own.lua}" } }) do
      found = select(2, resolve(round_text(known) .. "\n    prepare: sign"))
      assert.are.same({}, texts(found, "error"))
    end
    assert.are.same({}, texts(select(2, resolve(round_text(closed) .. "\n    prepare: {sign: memory, number: 9}")), "error"))
  end)

  it("has them checked, with places", function()
    local _, found = resolve(round_text({}) .. "\n    catchUp: some\n    maxInFlight: 0\n    onErorr: stop")
    assert.are.same({ '8:14 Round 1: "catchUp" must be one of all, drop, spread', '9:18 Round 1: "maxInFlight" must be at least 1' },
      texts(found, "error"))
    assert.are.equal('b.yaml:10:5: warning: Round 1: unknown key "onErorr" is ignored (did you mean onError?)',
      found.format(found[#found]))
    _, found = resolve(round_text({}) .. "\n    histogramDigits: 6")
    assert.are.same({ '8:22 Round 1: "histogramDigits" must be at most 5' }, texts(found, "error"))
    _, found = resolve("test:\n  workers: {number: 3}\n" .. round_text({}):gsub("^test:\n", "") .. "\n    maxInFlight: 2")
    assert.matches('"maxInFlight" of 2 is fewer than the 3 workers', texts(found, "error")[1])
  end)
end)

describe("the older form", function()
  local function legacy(lines)
    return resolve("test:\n  clients: {type: local, number: 5}\n  rounds:\n  - label: open\n    callback: x.lua\n" .. lines)
  end

  it("expands into rounds", function()
    local result = legacy("    txNumber: [10, 20]\n    rateControl: [{type: fixed-rate, opts: {tps: 5}}, {type: zero-rate}]\n"
      .. "    arguments: {money: 1}\n    trim: 2\n")
    assert.are.equal(2, #result.rounds)
    assert.is_true(result.legacy)
    for i, number in ipairs({ 10, 20 }) do
      local round = result.rounds[i]
      assert.are.same({ "open", number, 2, { money = 1 }, "x.lua" },
        { round.label, round.number, round.trim, round.workload.arguments, round.workload.module })
    end
    assert.are.same({ tps = 5 }, result.rounds[1].rate.opts)
    assert.are.equal("zero-rate", result.rounds[2].rate.type)
  end)

  it("runs at 1 tps without a rate controller or without its tps", function()
    for _, rates in ipairs({ "", "    rateControl: [{type: fixed-rate}, {type: fixed-rate, opts: {}}]\n" }) do
      local result = legacy("    txNumber: [10, 20]\n" .. rates)
      assert.are.same({ tps = 1 }, result.rounds[1].rate.opts)
      assert.are.same({ tps = 1 }, result.rounds[2].rate.opts)
    end
    assert.is_nil(resolve(round_text({ rateControl = "{type: fixed-rate}" })).rounds[1].rate.opts.tps)
  end)

  it("prefers txDuration, and says so", function()
    local result, found = legacy("    txNumber: [10]\n    txDuration: [30, 40]\n")
    assert.are.same({ 30, 40 }, { result.rounds[1].duration, result.rounds[2].duration })
    assert.is_nil(result.rounds[1].number)
    assert.are.equal('6:15 Round 1: "txNumber" is ignored: "txDuration" takes precedence', texts(found, "warning")[2])
  end)

  it("must have as many rate controllers as rounds", function()
    local _, found = legacy("    txNumber: [10, 20, 30]\n    rateControl: [{type: fixed-rate}]\n")
    assert.are.same({ '7:18 Round 1: "rateControl" attribute has 1 entries for 3 rounds' }, texts(found, "error"))
  end)

  it("mixes with the newer one", function()
    local result = resolve("test:\n  workers: {number: 2}\n  rounds:\n  - label: a\n    txNumber: [1, 2]\n"
      .. "    rateControl: {type: fixed-rate}\n    workload: {module: x.lua}\n")
    assert.are.same({ 1, 2 }, { result.rounds[1].number, result.rounds[2].number })
  end)

  -- Facts of the configuration example of the oldest documentation, with its slip in the last key.
  local SEED = [[
test:
  name: simple
  clients:
    type: local
    number: 5
  rounds:
  - label: open
    txNumber:
    - 5000
    - 5000
    - 5000
    rateControl:
    - type: fixed-rate
      opts:
        tps: 100
    - type: fixed-rate
      opts:
        tps: 200
    - type: fixed-rate
      opts:
        tps: 300
    arguments:
      money: 10000
    callback: benchmark/simple/open.js
  - label: query
    txNumber:
    - 5000
    - 5000
    rateControl:
    - type: fixed-rate
      opts:
        tps: 300
    - type: fixed-rate
      opts:
        tps: 400
    callback%s : benchmark/simple/query.js
monitor:
  type:
  - docker
  - process
  docker:
    name:
    - peer0.org1.example.com
    - http://192.168.1.100:2375/orderer.example.com
  process:
  - command: node
    arguments: local-client.js
    multiOutput: avg
  interval: 1
]]

  it("has a hint for a stray quote in a key, and nothing else follows from it", function()
    local result, found = resolve(SEED:format('"'))
    assert.is_nil(result)
    assert.are.equal(1, found.errors)
    for _, f in ipairs(found) do
      if f.severity == "error" then
        assert.are.equal('b.yaml:36:5: Round 2: the key callback" has a stray quote (did you mean callback?)', found.format(f))
      end
    end
  end)

  it("is read as the example means it", function()
    local result = resolve(SEED:format(""))
    assert.are.equal(5, #result.rounds)
    assert.are.same({ 100, 200, 300, 300, 400 }, { result.rounds[1].rate.opts.tps, result.rounds[2].rate.opts.tps,
      result.rounds[3].rate.opts.tps, result.rounds[4].rate.opts.tps, result.rounds[5].rate.opts.tps })
    assert.are.equal(5, result.workers)
    assert.are.same({
      { module = "docker", options = { interval = 1,
        containers = { "peer0.org1.example.com", "http://192.168.1.100:2375/orderer.example.com" } } },
      { module = "process", options = { interval = 1,
        processes = { { command = "node", arguments = "local-client.js", multiOutput = "avg" } } } },
    }, result.monitors.resource)
  end)
end)
