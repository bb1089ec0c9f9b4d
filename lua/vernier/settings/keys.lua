-- Every setting there is: Caliper's (all versions) and our own, in the order of the reference.
--
-- Entries are option declarations (vernier.options) with a name. `<name>` in a name stands for any text. built = false:
-- known, accepted, without effect so far. short: other spellings on the command line. once: may be given only once there.
local M = {}

local list = {}

local function add(name, spec)
  spec.name = name
  list[#list + 1] = spec
end

local function text(name, default, doc, more)
  local spec = more or {}
  spec.type, spec.default, spec.doc = "string", default, doc
  add(name, spec)
end

local function flag(name, default, doc, more)
  local spec = more or {}
  spec.type, spec.default, spec.doc = "boolean", default, doc
  add(name, spec)
end

local function ms(name, default, doc, more)
  local spec = more or {}
  spec.type, spec.unit, spec.default, spec.doc = "duration", "ms", default, doc
  add(name, spec)
end

local function seconds(name, default, doc, more)
  local spec = more or {}
  spec.type, spec.unit, spec.default, spec.doc = "duration", "s", default, doc
  add(name, spec)
end

local function planned(more)
  more = more or {}
  more.built = false
  return more
end

text("caliper-workspace", ".", "folder that relative paths start from and commands run in", { short = { "workspace" } })
text("caliper-benchconfig", nil, "benchmark file")
text("caliper-networkconfig", nil, "network file")
text("caliper-projectconfig", nil, "project settings file; else vernier.yaml and caliper.yaml in the workspace")
text("caliper-userconfig", nil, "settings file of the user")
text("caliper-machineconfig", nil, "settings file of the machine")
text("caliper-monitorconfig", nil, "never read, also not by Caliper", planned())
for _, bind in ipairs({ { "sut", "SUT and version" }, { "cwd", "folder" }, { "args", "arguments" }, { "file", "table" } }) do
  text("caliper-bind-" .. bind[1], nil, bind[2] .. " of Caliper's npm binding; vernier needs none", planned({ once = true }))
end
for _, auth in ipairs({ { "prometheus", "Prometheus" }, { "prometheuspush", "the push gateway" } }) do
  text("caliper-auth-" .. auth[1] .. "-username", nil, "user name for " .. auth[2], planned())
  text("caliper-auth-" .. auth[1] .. "-password", nil, "password for " .. auth[2], planned({ secret = true }))
end

text("caliper-report-path", "report.html", "copy of the HTML report, in the workspace")
add("caliper-report-options", { type = "table", built = false, doc = "how the report file is written (flag, mode)" })
add("caliper-report-precision", { type = "integer", min = 1, max = 17, default = 3, built = false,
  doc = "significant digits of monitor tables" })
add("caliper-report-charting-hue", { type = "number", default = 21, built = false, doc = "base hue of charts" })
text("caliper-report-charting-scheme", "triade", "colour scheme of charts", planned())
add("caliper-report-charting-transparency", { type = "number", min = 0, max = 1, default = 0.6, built = false,
  doc = "transparency of charts" })

flag("caliper-progress-reporting-enabled", true, "show progress while a round runs")
ms("caliper-progress-reporting-interval", 5000, "time between two progress lines", { min = 1 })
ms("caliper-monitor-interval", 10000, "sampling interval of resource monitors", planned({ min = 1 }))
ms("caliper-observer-internal-interval", 1000, "length of a result interval, and how often workers report",
  { min = 1 })
ms("caliper-observer-prometheuspush-interval", 10000, "time between two pushes", planned({ min = 1 }))
add("caliper-observer-prometheus-scrapeport", { type = "integer", min = 0, max = 65535, default = 3000, built = false,
  doc = "first port of the worker's metrics server" })
text("caliper-observer-prometheusmanager-method", "periodic", "how the manager collects for Prometheus", planned())
ms("caliper-observer-prometheusmanager-interval", 1000, "how often it collects", planned({ min = 1 }))
add("caliper-observer-prometheusmanager-collationcount", { type = "integer", default = 10, built = false,
  doc = "transactions per collection" })

text("caliper-logging-template", "%timestamp%%level%%label%%module%%message%%metadata%", "parts of a log line",
  planned())
text("caliper-logging-formats-timestamp", "YYYY.MM.DD-HH:mm:ss.SSS", "form of time stamps", planned())
text("caliper-logging-formats-label", "caliper", "label of log lines", planned())
add("caliper-logging-formats-json", { type = "any", default = false, built = false,
  doc = "log lines as JSON: true, or {space = n}" })
add("caliper-logging-formats-json-space", { type = "integer", built = false, doc = "indentation of JSON log lines" })
flag("caliper-logging-formats-pad", true, "level names of equal width", planned())
flag("caliper-logging-formats-align", true, "a tab before the message", planned())
local COLORIZED = { level = true }
for _, part in ipairs({ "timestamp", "level", "label", "module", "message", "metadata" }) do
  text("caliper-logging-formats-attributeformat-" .. part, nil, "form of " .. part .. " in log lines", planned())
  flag("caliper-logging-formats-colorize-" .. part, COLORIZED[part] or false, "colour for " .. part, planned())
end
flag("caliper-logging-formats-colorize-all", false, "colour for whole lines", planned())
for _, colour in ipairs({ { "info", "green" }, { "error", "red" }, { "warn", "yellow" }, { "debug", "grey" } }) do
  text("caliper-logging-formats-colorize-colors-" .. colour[1], colour[2], "colour of level " .. colour[1], planned())
end
text("caliper-logging-targets-<name>-target", nil, "console, file or daily-rotate-file", planned())
flag("caliper-logging-targets-<name>-enabled", nil, "whether this target is used", planned())
add("caliper-logging-targets-<name>-options", { type = "table", built = false, doc = "options of the log target" })

flag("caliper-worker-remote", false, "wait for workers that are started elsewhere, start none", planned())
text("caliper-worker-communication-method", "process", "transport between manager and workers: process or mqtt")
text("caliper-worker-communication-address", "mqtt://localhost:1883", "broker of the mqtt transport", planned())
ms("caliper-worker-pollinterval", nil, "how often remote workers are looked for", planned({ min = 1 }))

for _, phase in ipairs({ "start", "init", "install", "test", "end" }) do
  flag("caliper-flow-skip-" .. phase, false, "leave out the phase " .. phase)
  flag("caliper-flow-only-" .. phase, false, "run the phase " .. phase .. " alone")
end

seconds("caliper-fabric-timeout-invokeorquery", 60, "default timeout of requests", planned())
ms("caliper-fabric-timeout-contractinstantiate", 300000, "timeout of instantiation", planned())
ms("caliper-fabric-timeout-contractinstantiateevent", 100000, "timeout of its event", planned())
for _, step in ipairs({ "createchannel", "joinchannel", "instantiatecontract" }) do
  ms("caliper-fabric-sleepafter-" .. step, 5000, "pause after this step", planned())
end
flag("caliper-fabric-skipcreatechannel-<name>", false, "do not create this channel", planned())
flag("caliper-fabric-verify-proposalresponse", false, "verify proposal responses", planned())
flag("caliper-fabric-verify-readwritesets", true, "compare read-write sets", planned())
add("caliper-fabric-loadbalancing", { type = "enum", values = { "tx", "worker", "client" }, default = "tx", built = false,
  doc = "what spreads over the peers" })
add("caliper-fabric-latencythreshold", { type = "number", min = 0, max = 1, default = 1, built = false,
  doc = "share of event sources that must report" })
flag("caliper-fabric-countqueryasload", true, "queries count as transactions", planned())
flag("caliper-fabric-overwritegopath", true, "set GOPATH to the workspace", planned())
flag("caliper-fabric-gateway-enabled", false, "use the gateway", planned())
flag("caliper-fabric-gateway-localhost", true, "discovered nodes are on this host", planned())
flag("caliper-fabric-gateway-discovery", false, "discover nodes", planned())
add("caliper-fabric-gateway-eventstrategy", { type = "enum", default = "msp_any", built = false,
  values = { "msp_all", "msp_any", "network_all", "network_any" }, doc = "whose commit events are awaited" })
add("caliper-fabric-gateway-querystrategy", { type = "enum", default = "msp_round_robin", built = false,
  values = { "msp_single", "msp_round_robin" }, doc = "which peer is queried" })

add("vernier-workers", { type = "integer", min = 1, short = { "workers", "w" },
  doc = "number of workers instead of the benchmark file's" })
add("vernier-seed", { type = "integer", min = 0, short = { "seed" }, doc = "of all random numbers; else a new one per run" })
text("vernier-only", nil, "cells of the matrix that are run: config=A|B,size=3,repetition=1", { short = { "only" } })
add("vernier-pacing", { type = "enum", values = { "auto", "precise", "economical", "batched" }, default = "auto",
  doc = "how a due time is awaited: with a bounded spin, without, in ticks of 1 ms; auto: precise where workers + 1 <= cores" })
text("vernier-runs-path", "runs", "folder of the run directories, in the workspace")
add("vernier-on-failure", { type = "enum", values = { "continue", "stop" }, default = "continue",
  doc = "after a failed round: go on with the next, or stop" })
text("vernier-calibration", nil,
  "file of vernier calibrate; else vernier/calibration.json in $XDG_STATE_HOME, or in ~/.local/state")
flag("vernier-strict", false, "exit status 5 when the run is INVALID", { short = { "strict" } })
local function limit(name, default, doc)
  add("vernier-limit-" .. name, { type = "number", min = 0, default = default, unit = "share", doc = doc })
end

local function limit_ms(name, default, doc)
  ms("vernier-limit-" .. name, default, doc, { min = 0 })
end

limit("late", 0.01, "runs that start late: more make a run SUSPECT, ten times as many INVALID")
limit("dropped", 0.01, "runs that are dropped: one makes a run SUSPECT, more than this INVALID")
limit_ms("lateness", 50, "99th percentile of lateness: more makes a run INVALID")
limit("cpu", 0.9,
  "what a worker uses of the CPU time that it can have, waiting for due times apart: more makes a run SUSPECT, or INVALID "
  .. "where an open model was late")
limit("wait", 0.25, "time for which a worker wants a core and other processes have it: more makes a run SUSPECT")
limit("steal", 0.05, "the machine's time that its hypervisor takes: more makes a run SUSPECT")
limit("interruptions", 0.02, "a worker's time that the machine takes from it as it waits for due times: more makes a run SUSPECT")
limit_ms("stall", 50, "longest time for which a worker's loop does not turn: more makes a run SUSPECT")
limit_ms("pause", 1, "longest pause of a worker's garbage collector: more makes a run SUSPECT")
limit_ms("clock-step", 100, "movement of the wall clock against the monotonic one: more makes a run SUSPECT")
seconds("vernier-drain", nil, "how long answers are awaited after a round; else the request timeout, at most 30 s")
seconds("vernier-hook-timeout", 30, "a hook that keeps the loop from turning for so long hangs", { min = 0.1 })
seconds("vernier-worker-timeout", 3, "a worker that is silent for so long is dead", { min = 0.1 })
seconds("vernier-stage-timeout", 600, "a stage other than a round may take so long", { min = 0.1 })
seconds("vernier-command-timeout", 600, "a start or end command may take so long", { min = 0.1 })

M.list = list

-- Names of older versions, without prefix -> what to do instead.
M.renamed = {
  ["bind-sdk"] = "it is caliper-bind-sut now",
  ["core-zooaddress"] = "zookeeper clients are gone: see caliper-worker-remote",
  ["core-zooconfig"] = "zookeeper clients are gone: see caliper-worker-remote",
  ["core-txupdatetime"] = "it is caliper-observer-internal-interval now",
  ["txupdatetime"] = "it is caliper-observer-internal-interval now",
  ["worker-maxtxpromises"] = "it is maxInFlight of a round now",
  ["fabric-usegateway"] = "it is caliper-fabric-gateway-enabled now",
  ["fabric-gatewaylocalhost"] = "it is caliper-fabric-gateway-localhost now",
  ["fabric-discovery"] = "it is caliper-fabric-gateway-discovery now",
  ["fabric-timeout-chaincodeinstantiate"] = "it is caliper-fabric-timeout-contractinstantiate now",
  ["fabric-timeout-chaincodeinstantiateevent"] = "it is caliper-fabric-timeout-contractinstantiateevent now",
  ["fabric-sleepafter-instantiatechaincode"] = "it is caliper-fabric-sleepafter-instantiatecontract now",
}

return M
