-- Settings: names, sources, precedence, flow phases (vernier.settings).
local settings = require("vernier.settings")
local support = require("spec.support")

local function resolve(argv, env, workspace)
  return settings.resolve({ argv = argv or {}, env = env or {}, workspace = workspace })
end

local function get(name, ...)
  local resolved, problems = resolve(...)
  assert(resolved, type(problems) == "table" and problems[1] and problems[1].message)
  return resolved:get(name), resolved:source(name)
end

local function problems_of(...)
  local resolved, problems = resolve(...)
  assert.is_nil(resolved)
  return problems
end

describe("names", function()
  for _, argv in ipairs({
    { "--caliper-report-path", "x" }, { "--caliper-report-path=x" }, { "--Caliper-Report_Path", "x" },
    { "--vernier-report-path=x" }, { "--CALIPER_REPORT_PATH", "x" },
  }) do
    it("of one setting: " .. table.concat(argv, " "), function()
      local value, source = get("caliper-report-path", argv)
      assert.are.equal("x", value)
      assert.are.equal("command line", source)
    end)
  end

  for _, variable in ipairs({ "CALIPER_REPORT_PATH", "VERNIER_REPORT_PATH", "caliper_report_path", "Caliper-Report-Path" }) do
    it("of one setting in the environment: " .. variable, function()
      local value, source = get("vernier-report-path", {}, { [variable] = "x" })
      assert.are.equal("x", value)
      assert.are.equal("environment", source)
    end)
  end

  it("may be asked for with either prefix or none", function()
    local resolved = resolve()
    for _, name in ipairs({ "caliper-hook-timeout", "vernier-hook-timeout", "hook-timeout" }) do
      assert.are.equal(30, resolved:get(name))
    end
    assert.has_error(function() resolved:get("caliper-nonsense") end)
  end)

  it("that are unknown are all told, with hints", function()
    local problems = problems_of({ "--caliper-reprt-path", "x", "--vernier-sed=5", "--caliper-bind-sdk=x", "--no-caliper-foo" },
      { CALIPER_TXUPDATETIME = "5", VERNIER_WORKRES = "3", PATH = "/bin", CALIPERS = "1" })
    local texts = {}
    for i, problem in ipairs(problems) do
      texts[i] = problem.message .. " | " .. tostring(problem.hint)
    end
    assert.are.same({
      'command line: unknown setting "--caliper-reprt-path" | did you mean caliper-report-path?',
      'command line: unknown setting "--vernier-sed" | did you mean vernier-seed?',
      'command line: unknown setting "--caliper-bind-sdk" | it is caliper-bind-sut now',
      'command line: unknown setting "--no-caliper-foo" | nil',
      'environment: unknown setting "CALIPER_TXUPDATETIME" | it is caliper-observer-internal-interval now',
      'environment: unknown setting "VERNIER_WORKRES" | did you mean vernier-workers?',
    }, texts)
  end)

  it("with a part of one's own are known", function()
    assert.are.equal("console", get("caliper-logging-targets-mine-target", { "--caliper-logging-targets-mine-target=console" }))
    assert.is_true(get("caliper-fabric-skipcreatechannel-my-channel", { "--caliper-fabric-skipcreatechannel-my-channel" }))
    assert.is_nil(get("caliper-logging-targets-mine-enabled"))
  end)

  it("of Caliper's documentation are all known", function()
    for name in ([[benchconfig networkconfig projectconfig userconfig machineconfig monitorconfig bind-sut bind-cwd bind-args
      bind-file auth-prometheus-username auth-prometheuspush-password report-path report-options report-precision
      report-charting-hue report-charting-scheme report-charting-transparency progress-reporting-enabled
      progress-reporting-interval monitor-interval observer-internal-interval observer-prometheuspush-interval
      observer-prometheus-scrapeport observer-prometheusmanager-method observer-prometheusmanager-interval
      observer-prometheusmanager-collationcount logging-template logging-formats-timestamp logging-formats-label
      logging-formats-json logging-formats-json-space logging-formats-pad logging-formats-align
      logging-formats-attributeformat-metadata logging-formats-colorize-all logging-formats-colorize-colors-debug
      logging-targets-file-options logging-targets-file-options-level worker-remote worker-communication-method
      worker-communication-address worker-pollinterval flow-skip-start flow-only-end fabric-timeout-invokeorquery
      fabric-timeout-contractinstantiate fabric-sleepafter-joinchannel fabric-verify-readwritesets fabric-loadbalancing
      fabric-latencythreshold fabric-countqueryasload fabric-overwritegopath fabric-gateway-querystrategy]]):gmatch("%S+") do
      assert.has_no.errors(function() resolve():get("caliper-" .. name) end)
    end
  end)
end)

describe("values", function()
  it("of the command line and the environment follow the type", function()
    local resolved = resolve({ "--caliper-bind-sut=1.4", "--caliper-progress-reporting-interval", "2s", "--vernier-seed", "7" },
      { CALIPER_REPORT_PATH = "007", CALIPER_WORKER_REMOTE = "true", CALIPER_REPORT_OPTIONS = '{"flag": "a"}' })
    assert.are.equal("1.4", resolved:get("caliper-bind-sut"))
    assert.are.equal(2000, resolved:get("caliper-progress-reporting-interval"))
    assert.are.equal(7, resolved:get("vernier-seed"))
    assert.are.equal("007", resolved:get("caliper-report-path"))
    assert.is_true(resolved:get("caliper-worker-remote"))
    assert.are.same({ flag = "a" }, resolved:get("caliper-report-options"))
  end)

  it("of flags: bare, =true, a following true or false, --no-", function()
    local name = "caliper-flow-only-test"
    assert.is_true(get(name, { "--" .. name }))
    assert.is_true(get(name, { "--" .. name .. "=true" }))
    assert.is_false(get(name, { "--" .. name, "false" }))
    assert.is_false(get("caliper-progress-reporting-enabled", { "--no-caliper-progress-reporting-enabled" }))
  end)

  it("that are empty are not set", function()
    local value, source = get("caliper-report-path", { "--caliper-report-path=" }, { CALIPER_REPORT_PATH = "" })
    assert.are.equal("report.html", value)
    assert.are.equal("default", source)
  end)

  it("of entries of a table setting are put together over the sources", function()
    assert.are.same({ flag = "a", mode = "0600" }, (get("caliper-report-options", { "--caliper-report-options-mode=0600" },
      { CALIPER_REPORT_OPTIONS = '{"flag": "a", "mode": 1}' })))
  end)

  for _, case in ipairs({
    { { "--vernier-workers=0" }, "must be at least 1" },
    { { "--vernier-workers", "many" }, "must be a whole number" },
    { { "--vernier-pacing=fast" }, "must be one of auto, precise" },
    { { "--caliper-worker-remote=yes" }, "must be true or false" },
    { { "--caliper-monitor-interval=often" }, "must be a duration" },
    { { "--caliper-report-path" }, "needs a value" },
    { { "--caliper-report-path", "--caliper-worker-remote" }, "needs a value" },
    { { "--no-caliper-report-path" }, "true or false" },
    { { "--caliper-bind-sut=a", "--caliper-bind-sut=b" }, "Option [caliper-bind-sut] can only be specified once" },
  }) do
    it("that are wrong are refused: " .. table.concat(case[1], " "), function()
      local problems = problems_of(case[1])
      assert.are.equal(1, #problems)
      assert.is_truthy(problems[1].message:find(case[2], 1, true), problems[1].message)
    end)
  end
end)

describe("the command line", function()
  it("leaves what is no setting in its order", function()
    local resolved, rest = resolve({ "run", "b.yaml", "--caliper-flow-only-test", "n.yaml", "--workers", "3", "--expand", "-x",
      "--", "--caliper-nonsense" })
    assert.are.same({ "run", "b.yaml", "n.yaml", "--expand", "-x", "--", "--caliper-nonsense" }, rest)
    assert.are.equal(3, resolved:get("vernier-workers"))
  end)

  it("has short spellings; the last one counts", function()
    assert.are.equal(4, (get("vernier-workers", { "-w", "2", "--workers=4" })))
    assert.are.equal("w", (get("caliper-workspace", { "--workspace", "w" })))
  end)
end)

describe("files", function()
  local workspace

  before_each(function()
    workspace = support.workspace({
      ["caliper.yaml"] = "caliper:\n  report:\n    path: project\n  monitor-interval: 7s\n  flow:\n    skip:\n      end: true\n"
        .. "  userconfig: user.yaml\n  observer:\n    internal:\n      interval:\n",
      ["user.yaml"] = "caliper-report-path: user\ncaliper:\n  report: {precision: 5}\n  machineconfig: machine.json\n",
      ["machine.json"] = '{"vernier": {"report": {"path": "machine", "precision": 6, "charting": {"hue": 3}}}}',
      ["other.yaml"] = "caliper: {report: {path: other}}\n",
    })
  end)

  it("take their places in the precedence", function()
    local env = { CALIPER_REPORT_PATH = "environment" }
    assert.are.equal("line", (get("report-path", { "--caliper-report-path=line" }, env, workspace)))
    assert.are.equal("environment", (get("report-path", {}, env, workspace)))
    assert.are.equal("project", (get("report-path", {}, {}, workspace)))
    assert.are.equal(5, (get("report-precision", {}, {}, workspace)))
    assert.are.equal(3, (get("report-charting-hue", {}, {}, workspace)))
    assert.are.equal(1000, (get("observer-internal-interval", {}, {}, workspace)))
    assert.are.equal(7000, (get("monitor-interval", {}, {}, workspace)))
  end)

  it("say where a value comes from", function()
    local _, source = get("report-path", {}, {}, workspace)
    assert.are.equal(workspace .. "/caliper.yaml:3:5", source)
    local resolved = resolve({}, {}, workspace)
    assert.are.equal("program", resolved:source("caliper-workspace"))
    resolved = resolve({ "--caliper-report-path=report.html" }, {}, workspace)
    assert.are.equal(workspace .. "/report.html", resolved:path("report-path"))
  end)

  it("give way to caliper-projectconfig, relative to the workspace", function()
    assert.are.equal("other", (get("report-path", { "--caliper-projectconfig=other.yaml", "--caliper-workspace", workspace })))
  end)

  it("vernier.yaml comes before caliper.yaml", function()
    support.write_file(workspace .. "/vernier.yaml", "vernier: {report: {path: mine}}\n")
    assert.are.equal("mine", (get("report-path", {}, {}, workspace)))
    assert.are.equal(7000, (get("monitor-interval", {}, {}, workspace)))
  end)

  it("that are named must exist", function()
    local problems = problems_of({ "--caliper-userconfig=none.yaml" }, {}, workspace)
    assert.is_truthy(problems[1].message:find("none.yaml\" does not exist", 1, true))
  end)

  it("are refused with the places of everything that is wrong", function()
    support.write_file(workspace .. "/caliper.yaml",
      "caliper:\n  reprt:\n    path: x\n  worker:\n    remote: yes\n  bind:\n    sdk: x\nreport: 1\n")
    local problems = problems_of({}, {}, workspace)
    local texts = {}
    for i, p in ipairs(problems) do
      texts[i] = ("%d:%d %s | %s"):format(p.line, p.column, p.message, tostring(p.hint))
    end
    assert.are.same({
      '3:5 unknown setting "caliper-reprt-path" | did you mean caliper-report-path?',
      '5:5 "caliper-worker-remote" must be true or false | nil',
      '7:5 unknown setting "caliper-bind-sdk" | it is caliper-bind-sut now',
      '8:1 unknown setting "report" | settings are written under caliper: or vernier:',
    }, texts)
    assert.are.equal(workspace .. "/caliper.yaml", problems[1].file)
  end)

  it("are refused when they are no YAML", function()
    support.write_file(workspace .. "/caliper.yaml", "caliper: [1\n")
    assert.are.equal(1, problems_of({}, {}, workspace)[1].line)
  end)
end)

describe("the record of a run", function()
  it("holds what was set, without secrets", function()
    local resolved = resolve({ "--caliper-auth-prometheus-password=hunter2", "--caliper-report-path=x",
      "--caliper-worker-communication-address=mqtt://me:hunter2@host:1883" })
    assert.are.same({ ["caliper-auth-prometheus-password"] = "***", ["caliper-report-path"] = "x",
      ["caliper-worker-communication-address"] = "mqtt://***@host:1883" }, resolved:public())
  end)

  it("warns of what has no effect yet", function()
    assert.are.same({}, resolve({ "--caliper-report-path=x" }).warnings)
    assert.are.same({ "command line: caliper-report-precision has no effect yet" },
      resolve({ "--caliper-report-precision=4" }).warnings)
  end)

  it("can be walked", function()
    local seen = {}
    for name, value, source, spec in resolve({ "--caliper-logging-targets-mine-enabled" }):each() do
      seen[name] = { value, source }
      assert.is_string(spec.doc)
    end
    assert.are.same({ true, "command line" }, seen["caliper-logging-targets-mine-enabled"])
    assert.are.same({ "report.html", "default" }, seen["caliper-report-path"])
  end)
end)

describe("the reference", function()
  it("has a type, a doc line and a valid default for every setting, each once", function()
    local options = require("vernier.options")
    local seen, count = {}, 0
    for _, spec in ipairs(settings.list()) do
      assert.is_nil(seen[spec.name])
      seen[spec.name], count = true, count + 1
      assert.is_truthy(spec.name:find("^caliper%-") or spec.name:find("^vernier%-"))
      assert.is_truthy(spec.doc and #spec.doc > 5)
      local problems = {}
      if spec.default ~= nil then
        options.value(spec, spec.default, problems, { spec.name })
      end
      assert.are.same({}, problems)
    end
    assert.is_true(count > 90)
  end)
end)

describe("flow", function()
  local ALL = "start init install test end"
  local MIXED = "Incompatible benchmark flow parameters specified, caliper-flow-skip-x and caliper-flow-only-x "
    .. "flags may not be mixed"
  local TWO = "Incompatible benchmark flow parameters specified, only one of [caliper-flow-only-start, caliper-flow-only-init, "
    .. "caliper-flow-only-install, caliper-flow-only-test, caliper-flow-only-end] may be specified at a time"

  local CASES = { { "", ALL }, { "skip-start skip-end", "init install test" },
    { "skip-start skip-init skip-install skip-test skip-end", "" }, { "only-test=false", ALL },
    { "skip-init=false only-test", "test" },
    { "skip-init only-test", nil, MIXED }, { "only-test only-end", nil, TWO }, { "skip-end only-test only-end", nil, MIXED } }
  for phase in ALL:gmatch("%a+") do
    CASES[#CASES + 1] = { "only-" .. phase, phase }
    CASES[#CASES + 1] = { "skip-" .. phase, (ALL:gsub(phase .. " ?", ""):gsub(" $", "")) }
  end

  for _, case in ipairs(CASES) do
    it(("with [%s]"):format(case[1]), function()
      local argv = {}
      for flag in case[1]:gmatch("%S+") do
        argv[#argv + 1] = "--caliper-flow-" .. flag
      end
      local phases, message = resolve(argv):phases()
      if case[3] then
        assert.is_nil(phases)
        assert.are.equal(case[3], message)
      else
        local expected = {}
        for phase in case[2]:gmatch("%a+") do
          expected[phase] = true
        end
        assert.are.same(expected, phases)
      end
    end)
  end
end)

describe("settings of a run that is gone on with", function()
  local function messages(problems)
    local list = {}
    for i, problem in ipairs(problems) do
      list[i] = problem.message
    end
    return table.concat(list, "\n")
  end

  it("are refused where a secret is missing, or nobody knows them", function()
    local resolved, problems = settings.again({ ["caliper-auth-prometheus-password"] = "***",
      ["vernier-only"] = "size=1" }, {})
    assert.is_nil(resolved)
    assert.are.equal(1, #problems)
    assert.matches("caliper-auth-prometheus-password was a secret", problems[1].message, 1, true)
    resolved, problems = settings.again({ ["vernier-of-tomorrow"] = 1, ["plain"] = 2 }, {})
    assert.is_nil(resolved)
    assert.matches("vernier-of-tomorrow", messages(problems), 1, true)
    assert.matches("plain", messages(problems), 1, true)
    assert.is_nil((settings.again({}, { "--vernier-of-tomorrow", "1" })))
  end)

  it("are those of the run, below what is given now", function()
    local before = assert(settings.resolve({ argv = { "--workers", "3", "--vernier-drain", "5s" }, env = {} }))
    local resolved, rest = settings.again(before:public(), { "folder", "--vernier-drain", "7s",
      "--caliper-auth-prometheus-password", "again" })
    assert.are.same({ "folder" }, rest)
    assert.are.equal(3, resolved:get("workers"))
    assert.are.equal("the run", resolved:source("workers"))
    assert.are.equal(7, resolved:get("drain"))
    assert.are.equal("again", resolved:get("auth-prometheus-password"))
  end)
end)

describe("a command line that is written down", function()
  it("holds no secrets", function()
    assert.are.same({ "b.yaml", "--caliper-auth-prometheus-password", "***", "--caliper-auth-prometheus-password=***",
      "--seed", "5", "--Caliper-Auth_Prometheus-Password", "***", "http://***@host/" },
      settings.shown({ "b.yaml", "--caliper-auth-prometheus-password", "--a", "--caliper-auth-prometheus-password=b",
        "--seed", "5", "--Caliper-Auth_Prometheus-Password", "c", "http://me:word@host/" }))
  end)
end)
