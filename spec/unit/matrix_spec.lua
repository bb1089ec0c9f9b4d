-- The cells of a benchmark, their order and their choice (vernier.matrix).
local config = require("spec.support.config")
local matrix = require("vernier.matrix")

local function benchmark_of(text)
  local benchmark, found = config.resolve(text .. "\nscenario: [report]\n")
  return assert(benchmark, found:text())
end

local TWO = "configurations: [{name: alpha, connector: noop}, {name: beta, connector: noop}]\n"

local function two(order, more)
  return benchmark_of(TWO .. "clusters: [{size: 1}, {size: 2}, {size: 4}]\nrepetitions: 2\norder: " .. order .. "\n" .. (more or ""))
end

local function labels(cells)
  local list = {}
  for i, cell in ipairs(cells) do
    list[i] = ("%s%d.%d"):format(cell.configuration.name:sub(1, 1), cell.cluster.size, cell.repetition)
  end
  return table.concat(list, " ")
end

local function sorted_labels(cells)
  local list = {}
  for label in labels(cells):gmatch("%S+") do
    list[#list + 1] = label
  end
  table.sort(list)
  return table.concat(list, " ")
end

describe("the choice of cells", function()
  local benchmark = two("sequential")

  for text, expected in pairs({
    ["confg=alpha"] = { '"confg=alpha" chooses no cells', "did you mean config?" },
    ["alpha"] = { '"alpha" chooses no cells', "config=A|B,size=3,repetition=1" },
    [""] = { '"" chooses no cells', "config=A|B,size=3,repetition=1" },
    ["config=alpa"] = { 'there is no configuration "alpa"', "did you mean alpha?" },
    ["config=gamma"] = { 'there is no configuration "gamma"', "there are: alpha, beta" },
    ["config="] = { 'there is no configuration ""', "there are: alpha, beta" },
    ["config=alpha|betta"] = { 'there is no configuration "betta"', "did you mean beta?" },
    ["size=3"] = { "there is no size 3", "there are: 1, 2, 4" },
    ["size=5..9"] = { "there is no size 5..9", "there are: 1, 2, 4" },
    ["size=big"] = { '"big" is no size', "a number, or a range such as 1..3" },
    ["repetition=3"] = { "there is no repetition 3", "there are: 1, 2" },
    ["size=1,size=2"] = { '"size" is given twice', "several values: config=A|B" },
    ["config=alpha,configuration=beta"] = { '"config" is given twice', "several values: config=A|B" },
  }) do
    it(("refuses %q"):format(text), function()
      local filter, message, hint = matrix.only(text, benchmark)
      assert.is_nil(filter)
      assert.are.same(expected, { message, hint })
    end)
  end

  for text, expected in pairs({
    ["config=alpha,size=4"] = "a4.1 a4.2",
    ["config=alpha|beta, size=2, repetition=2"] = "a2.2 b2.2",
    ["configuration = beta,size=1..2,repetition=1"] = "b1.1 b2.1",
    ["size=1|3..9,repetition=2"] = "a1.2 a4.2 b1.2 b4.2",
  }) do
    it(("takes %q"):format(text), function()
      assert.are.equal(expected, labels(matrix.cells(benchmark, { only = assert(matrix.only(text, benchmark)) })))
    end)
  end

  it("leaves cells the places that they have in the whole matrix", function()
    local cells = matrix.cells(benchmark, { only = matrix.only("config=beta,size=2", benchmark) })
    assert.are.same({ 9, 10 }, { cells[1].index, cells[2].index })
  end)
end)

describe("the order of cells", function()
  it("is configurations, sizes, repetitions", function()
    assert.are.equal("a1.1 a1.2 a2.1 a2.2 a4.1 a4.2 b1.1 b1.2 b2.1 b2.2 b4.1 b4.2", labels(matrix.cells(two("sequential"))))
  end)

  it("is repetitions, sizes, configurations when interleaved: what is compared is close", function()
    assert.are.equal("a1.1 b1.1 a2.1 b2.1 a4.1 b4.1 a1.2 b1.2 a2.2 b2.2 a4.2 b4.2", labels(matrix.cells(two("interleaved"))))
  end)

  it("is shuffled by the seed: all cells, the same again, another for another seed", function()
    local benchmark = two("random")
    local first = matrix.cells(benchmark, { seed = 7 })
    assert.are.equal(sorted_labels(matrix.cells(two("sequential"))), sorted_labels(first))
    assert.are.equal(labels(first), labels(matrix.cells(benchmark, { seed = 7 })))
    assert.are_not.equal(labels(first), labels(matrix.cells(benchmark, { seed = 8 })))
    assert.are_not.equal(labels(first), labels(matrix.cells(two("sequential"))))
    for i, cell in ipairs(first) do
      assert.are.equal(i, cell.index)
    end
  end)

  it("puts every cell in every place", function()
    local benchmark, firsts, n = two("random"), {}, 0
    for seed = 1, 400 do
      local first = labels({ matrix.cells(benchmark, { seed = seed })[1] })
      n, firsts[first] = n + (firsts[first] and 0 or 1), true
    end
    assert.are.equal(12, n)
  end)
end)

describe("a cell", function()
  it("has a label; the repetition only where there are several", function()
    assert.are.equal("alpha, size 1, repetition 1", matrix.cells(two("sequential"))[1].label)
    local cells = matrix.cells(benchmark_of(TWO .. "clusters: [{size: 4}]"))
    assert.are.same({ "alpha, size 4", "beta, size 4" }, { cells[1].label, cells[2].label })
  end)

  it("of a Caliper file is the only one", function()
    local benchmark = config.resolve("test: {workers: 3, rounds: []}")
    local cells = matrix.cells(benchmark)
    assert.are.equal(1, #cells)
    assert.are.same({ 1, "default", 1, 3 }, { cells[1].index, cells[1].configuration.name, cells[1].repetition,
      cells[1].cluster.size })
    assert.are.same({ { name = "default", size = 3, first = 0 } }, cells[1].cluster.groups)
  end)
end)

describe("the setup of a group", function()
  local NETWORK = { connector = "http", options = { url = "http://x", timeout = "9s" } }
  local benchmark = benchmark_of([[
clusters: [{size: 3, groups: {server: 1, client: 1, other: 1}}]
configurations:
- {name: all, connector: noop, options: {latency: 5ms}}
- name: each
  setup: [{group: server, connector: noop, environment: {A: b}}, {group: client, environment: {A: c}, options: {timeout: 5s}}]
- name: rest
  setup: [{connector: noop, options: {latency: 5ms}}, {group: server, connector: http, options: {url: "http://y"}}]
network: n.yaml]])
  local all, each, rest = unpack(benchmark.configurations)

  it("is its own, else the one for all", function()
    assert.are.equal("noop", matrix.setup(all, "other").connector)
    assert.are.equal("http", matrix.setup(rest, "server").connector)
    assert.are.equal("noop", matrix.setup(rest, "client").connector)
  end)

  it("is none where nothing is said", function()
    assert.is_nil(matrix.setup(each, "other"))
    assert.is_nil(matrix.setup(each, "client").connector)
  end)

  it("is completed by the network", function()
    local setup = matrix.setup(each, "client", NETWORK)
    assert.are.same({ "http", { url = "http://x", timeout = "5s" }, { A = "c" }, "default" }, { setup.connector, setup.options,
      setup.environment, setup.service })
    assert.are.same({ "http", NETWORK.options }, { matrix.setup(each, "other", NETWORK).connector,
      matrix.setup(each, "other", NETWORK).options })
    assert.are.same({ url = "http://x", timeout = "9s" }, NETWORK.options)
    assert.are.equal("noop", matrix.setup(each, "server", NETWORK).connector)
  end)
end)
