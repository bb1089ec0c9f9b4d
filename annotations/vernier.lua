---@meta _

-- What workloads, rate controllers and connectors see, for editors that know LuaLS (https://luals.github.io). doc/api.md
-- says more. Times are seconds unless a name ends with _ns or _us.

-- ---- options ----

---@class vernier.Option
---@field type? "number"|"integer"|"boolean"|"string"|"table"|"list"|"duration"|"size"|"enum"|"ranges"|"key-value"|"any"
---@field default? any
---@field required? boolean
---@field values? any[] of an enum
---@field min? number
---@field max? number
---@field unit? string shown in the reference; of a duration also the unit of plain numbers and of the result
---@field fields? table<string, vernier.Option> of a table
---@field of? vernier.Option of the items of a list
---@field convert? fun(value: any): any, string? the value, or nil and why not
---@field aliases? string[]
---@field secret? boolean never written to files or reports
---@field doc? string

---@class vernier.Plugin what every plug-in may have
---@field options? table<string, vernier.Option> the declaration; in an instance, the checked values

-- ---- workload ----

---@class vernier.Workload: vernier.Plugin
---@field init? fun(self: table, ctx: vernier.WorkloadContext) once per worker and round; nothing of it is measured
---@field run fun(self: table, ctx: vernier.WorkloadContext) once per run
---@field finish? fun(self: table, ctx: vernier.WorkloadContext)

---@class vernier.Context what all that sends and waits has
---@field sut vernier.Sut
---@field random vernier.Random
---@field round vernier.Round
---@field shared table of all runs of this load in this worker
---@field worker integer from 0
---@field workers integer
---@field workspace string
local Context = {}

---Suspends this run.
---@param seconds number
function Context:sleep(seconds) end

---Suspends this run until wake(key); nil after the timeout.
---@param key any
---@param timeout? number seconds; 60
---@return any value, number? at_ns
function Context:wait(key, timeout) end

---Wakes all that wait for the key.
---@param key any
---@param value? any
---@param at_ns? number when it happened
function Context:wake(key, value, at_ns) end

---This worker's part of a total; those of all workers add up exactly.
---@param total integer
---@return integer
function Context:share(total) end

---@class vernier.WorkloadContext: vernier.Context
---@field arguments table of the round's workload
---@field index? integer of this run in the plan, from 0 and unique over all workers; nil in init and finish
---@field intended_ns? number when this run was due
---@field log fun(text: string)

---@class vernier.Round
---@field index integer from 1
---@field label string
---@field number? integer runs over all workers
---@field duration? number
---@field prepared? any for connectors: this worker's part of what prepare(n) gave

---@class vernier.Sut
local Sut = {}

---Sends a request as one transaction, or a list of requests in parallel. Gives the connector's result, or nil, message, class,
---response; of a list, the list of results with {error, class, response} in the place of each that failed.
---@param request any
---@param options? {operation: string}
---@return any result, string? message, string? class, any response
function Sut:send(request, options) end

---@class vernier.Random
---@overload fun(): number in [0, 1)
---@overload fun(n: integer): integer in 1..n
---@overload fun(a: integer, b: integer): integer in a..b
local Random = {}

---@param mean number
---@return number
function Random:exponential(mean) end

---@param mean number
---@param stddev number
---@return number
function Random:normal(mean, stddev) end

-- ---- rate controller ----

---@class vernier.RateController: vernier.Plugin
---@field schedule "global"|"worker"|"sleeping"
---@field random_access? boolean of a global schedule: may be asked for any index
---@field window? integer runs in flight that it bounds by itself: the round's default limit gives way to more
---@field model? "closed"
---@field init? fun(self: table, ctx: vernier.RateContext)
---@field run fun(self: table, ctx: vernier.RateContext, index: integer, stats: vernier.LoadStats, now: number): (number|false)?, number?
---@field finish? fun(self: table, ctx: vernier.RateContext)

---@class vernier.RateContext
---@field worker integer
---@field workers integer
---@field round vernier.Round
---@field workspace string
---@field random vernier.Random
---@field stream fun(seed?: integer): vernier.Random the same in all workers; of the run's seed where none is given
---@field log fun(text: string)
---@field sum fun(list: vernier.Window[]): vernier.Window of all workers; its times are histograms
---@field offset_ns number from the start of the load to that of its round, which is a part of it in composite-rate
local RateContext = {}

---Suspends a run of schedule "sleeping".
---@param seconds number
function RateContext:sleep(seconds) end

---Counts from now on what becomes of the runs that are due in [from_ns, to_ns) of the round.
---@param from_ns number
---@param to_ns number
function RateContext:watch(from_ns, to_ns) end

---What this worker has counted since; its times are texts.
---@return vernier.Window
function RateContext:window() end

---From now on it is kept when each run sends its first transaction.
function RateContext:trace() end

---These times of the runs that were due in this round, sorted, in ns since its start; nil and why where there were too many.
---@return number[]? times, string? message
function RateContext:sent_times() end

---The share of the time since watch in which this worker's process has computed.
---@return number
function RateContext:busy() end

---What all workers know: nil until each has said its part; then all parts, by worker, and an instant of the round.
---@param value any what JSON can hold
---@return any[]? values, number? at_ns
function RateContext:meet(value) end

---Tells what has been found out.
---@param finding vernier.Finding
function RateContext:found(finding) end

---This worker's part of a total.
---@param total integer
---@return integer
function RateContext:share(total) end

---A controller inside of this one, with its init called; raises an error that is meant for the user.
---@param controller {type: string, opts?: table}
---@param round {number?: integer, duration?: number}
---@return vernier.RateController instance, vernier.RateContext ctx what its run wants
function RateContext:nested(controller, round) end

---Calls the end hook of a nested controller.
---@param instance vernier.RateController
---@param ctx vernier.RateContext
function RateContext:close(instance, ctx) end

---@class vernier.Window what became of the runs that were due in a stretch of the round
---@field runs number
---@field late number
---@field dropped number
---@field limited number of the runs, those with which the in-flight limit was reached
---@field submitted number
---@field ok number
---@field failed number
---@field finished number transactions that ended in that time, whenever they were due
---@field response string|table of those that were ok
---@field lateness string|table

---@class vernier.Finding
---@field worker? integer who has found it, in results
---@field name string of the controller
---@field text string one line, for people
---@field outcome? string a word for how it ended
---@field value? number
---@field unit? string
---@field low? number
---@field high? number
---@field curve? {columns: {name: string, unit?: string}[], rows: table<string, number|string>[]} the first column is what others depend on

---@class vernier.LoadStats what this worker's load has done so far
---@field runs number
---@field runs_finished number
---@field in_flight number
---@field submitted number
---@field finished number
---@field ok number
---@field failed number
---@field response_sum_ns number
---@field service_sum_ns number
---@field dropped number
---@field late number
---@field permitted number
---@field last_finish_ns number

-- ---- connectors and services ----

---@class vernier.Connector: vernier.Plugin
---@field traits? vernier.Traits
---@field services? table<string, vernier.Connector> where it has several
---@field init? fun(self: table, ctx: vernier.ConnectorContext) in every process
---@field run? fun(self: table, request: any, tx: vernier.Transaction): any, string?, string?, any
---@field sign? fun(self: table, request: any): string?, string? what run takes in the place of the request
---@field discard? fun(self: table) what was signed and not run will not be
---@field finish? fun(self: table, ctx: vernier.ConnectorContext)
---@field setup? fun(self: table, ctx: vernier.ConnectorContext) on the manager
---@field install? fun(self: table, ctx: vernier.ConnectorContext) on the manager
---@field prepare? fun(self: table, n: integer): any[] on the manager: what each of n workers gets
---@field open? fun(self: table, round: vernier.Round) in a worker
---@field close? fun(self: table, round: vernier.Round) in a worker

---@class vernier.ConnectorContext: vernier.Context
---@field where "manager"|"worker"
---@field network? table the network file
---@field run_dir string in a worker
---@field log fun(text: string, level?: vernier.Level)

---@class vernier.Transaction
---@field intended_ns number
---@field started_ns number
---@field sent_ns number to be set: the first byte was written
---@field finished_ns number to be set: the answer arrived
local Transaction = {}

---The transaction has come to this point of its way, now or at an instant in ns since the clock base. Each call counts.
---@param name string 1 to 63 bytes
---@param at_ns? number
function Transaction:mark(name, at_ns) end

---@class vernier.Traits what stages can do with a service
---@field lifecycle? vernier.Lifecycle
---@field killable? vernier.Killable
---@field clustered? vernier.Clustered

---@class vernier.Lifecycle
---@field start fun(service: table, ctx: vernier.WorkerContext): table?, string? the values to publish
---@field stop fun(service: table, ctx: vernier.WorkerContext, options: {timeout: number}): any, string?
---@field running? fun(service: table, ctx: vernier.WorkerContext): boolean

---@class vernier.Killable
---@field kill fun(service: table, ctx: vernier.WorkerContext): any, string?

---@class vernier.Clustered
---@field members fun(service: table, ctx: vernier.WorkerContext): integer|any[]|nil, string?
