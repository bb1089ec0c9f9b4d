---@meta _

-- What stages see on the manager and on workers, for editors that know LuaLS (https://luals.github.io). doc/api.md
-- says more. Times are seconds unless a name ends with _ns or _us.

-- ---- stages ----

---@alias vernier.Verdict "ok"|"fail"|"exit"|"break"|"continue"
---@alias vernier.Level "info"|"warning"|"error"

---@class vernier.Stage: vernier.Plugin
---@field where "manager"|"workers"
---@field traits? table<string, "mandatory"|"optional"|"skip"> what the service of a worker has to have
---@field data? fun(self: table, ctx: vernier.ManagerContext, options: table): any on the manager: what every worker gets
---@field run fun(self: table, ctx: table, options: table, data: any): any, any
---@field acks? fun(self: table, ctx: vernier.ManagerContext, acks: vernier.Ack[], options: table): vernier.Verdict?, string|string[]|nil
---@field deadline? fun(self: table, ctx: vernier.ManagerContext): number? seconds
---@field drain? fun(self: table): number? seconds, for answers after a stop
---@field check? fun(options: table): string?, string[]?, string? why these options contradict each other, the path to the wrong one, and a hint; told before anything starts
---@field tolerates? fun(self: table, worker: integer): boolean? whether the others go on when that worker fails

---@class vernier.Ack
---@field worker integer
---@field payload any
---@field error? string
---@field lost? boolean
---@field stopped? boolean because another has failed
---@field skipped? boolean its service lacks a trait

---@class vernier.ManagerContext
---@field manager table
---@field entry table of the file
---@field cell? vernier.CellContext nil outside of cells
---@field section "before"|"init"|"scenario"|"destroy"|"cleanup"|"after"
---@field survivors? boolean only workers that live take part
---@field loops table<string, number> counters of open repeats
---@field scope vernier.Scope
---@field settings table
---@field workspace string
---@field stage_timeout number
---@field hook_timeout number
---@field executors integer[] indices of the workers that execute the stage
---@field tests table[]
---@field stopped? string why it has to stop
---@field log fun(text: string, level?: vernier.Level)
local ManagerContext = {}

---Suspends the stage; ends it by an error when it has to stop.
---@param seconds number
function ManagerContext:sleep(seconds) end

---Makes a sleeping stage end.
---@param reason string
function ManagerContext:stop(reason) end

---Sets a state variable, ${name} in later stages.
---@param name string
---@param value any
function ManagerContext:set(name, value) end

---@param name string
---@return any
function ManagerContext:get(name) end

---Opens a test, for ctx:new_load on workers.
---@param round vernier.RoundSpec
---@param identity? table
---@return vernier.LoadSpec
function ManagerContext:new_test(round, identity) end

---Adds a result of one's own.
---@param result {test: string, name: string, value: number|string, unit?: string, iteration?: integer, workers?: table<string, any>}
function ManagerContext:add_result(result) end

---What these tests have measured so far.
---@param ids integer[]
---@return vernier.Results?, string? message
function ManagerContext:results(ids) end

---What the stage's workers drive: {connector, service, options, environment}.
---@return table
function ManagerContext:setup() end

---@return table
function ManagerContext:connector_options() end

---@class vernier.CellContext
---@field index integer
---@field configuration {name: string}
---@field cluster {size: integer, groups: {name: string, size: integer, first: integer}[]}
---@field repetition integer
---@field attempt integer

---@class vernier.Scope
local Scope = {}

---The value of ${name}, or nil.
---@param name string
---@return any
function Scope:get(name) end

---A scope that looks into these values first.
---@param values table<string, any>
---@return vernier.Scope
function Scope:with(values) end

---@param name string
---@return boolean
function Scope:has_group(name) end

---@return string[]
function Scope:names() end

---@class vernier.WorkerContext
---@field index integer of this worker in the cluster
---@field worker integer its rank among those that execute the stage
---@field workers integer how many execute the stage
---@field group string
---@field group_index integer its place in the group, from 0
---@field state table of this worker, as long as the cell
---@field scope vernier.Scope
---@field service? table the instance of its connector
---@field service_ctx? vernier.ConnectorContext
---@field run_dir string
---@field workspace string
---@field sut vernier.Sut not counted
---@field random vernier.Random
---@field log fun(text: string, level?: vernier.Level)
---@field set_log_level fun(level: string)
local WorkerContext = {}

---Waits for the others; the agreed instant, or nil and why the stage stops.
---@return number? at_ns, string? reason
function WorkerContext:barrier() end

---@param spec vernier.LoadSpec
---@return vernier.RunningLoad?, string? message
function WorkerContext:new_load(spec) end

---Lets started loads go on after the stage.
---@param name string
---@param loads vernier.RunningLoad[]
function WorkerContext:keep(name, loads) end

---@param name string
---@return vernier.KeptLoads?
function WorkerContext:take(name) end

---Suspends the stage; ends it by an error when it has to stop.
---@param seconds number
function WorkerContext:sleep(seconds) end

---@param key any
---@param timeout? number seconds; 60
---@return any value, number? at_ns
function WorkerContext:wait(key, timeout) end

---@param key any
---@param value? any
---@param at_ns? number
function WorkerContext:wake(key, value, at_ns) end

---Why the stage has to stop, or nil.
---@return string?
function WorkerContext:stopping() end

---The options as they may be written down: without secrets and values of the environment.
---@return table
function WorkerContext:shown() end

---The functions of a trait of this worker's service, or nil.
---@param name string
---@return table?
function WorkerContext:trait(name) end

---@class vernier.LoadSpec what ctx:new_test gave on the manager
---@field name? string tells apart several loads of one test in a worker
---@field rank? integer this load's part: rank of ranks
---@field ranks? integer

---@class vernier.RunningLoad
local RunningLoad = {}

---@param at_ns number of the barrier
function RunningLoad:start(at_ns) end

---@return table? totals, string? reason, table? partial
function RunningLoad:join() end

---@param owner table
function RunningLoad:belongs_to(owner) end

function RunningLoad:cancel() end

---@param reason string
function RunningLoad:finish(reason) end

---@param reason string
function RunningLoad:stop(reason) end

---@class vernier.KeptLoads
local KeptLoads = {}

---@param reason string
function KeptLoads:stop(reason) end

---@return table[]? totals, string? reason, table[]? partial
function KeptLoads:join() end
