---@meta _

-- What runs of suites, reporters and observers see, for editors that know LuaLS (https://luals.github.io). doc/api.md
-- says more. Times are seconds unless a name ends with _ns or _us.

-- ---- reporters ----

---@class vernier.Reporter: vernier.Plugin
---@field run fun(self: table, ctx: vernier.ReporterContext, results: vernier.Results): string[]?, string? the files that it wrote

---@class vernier.ReporterContext
---@field dir string of the run
---@field report_path string
---@field terminal boolean
---@field files string[] what other reporters have written
---@field write fun(text: string) to standard output

---@class vernier.Results
---@field dir string
---@field run table the manager's record of the run
---@field tests table[]
---@field cells table[]
---@field names table
---@field stages table[]
---@field results table[]
---@field resumed table[]
---@field events table[]
---@field damages string[]
---@field status string
---@field exit integer
---@field started string
---@field seconds number
---@field certificate {verdict: "VALID"|"SUSPECT"|"INVALID", reasons: string[], checks: vernier.Check[]}
local Results = {}

---@param id integer
---@return table?
function Results:test(id) end

---Data in the form that is named; "summary" is of the whole run. See doc/summary.md.
---@param name "summary"|"outcome"|"throughput"|"mean-and-deviation"|"percentile"|"histogram"|"box"|"distribution"|"series"
---@param test? table
---@param selection? table
---@return any
function Results:representation(name, test, selection) end

---A figure of a test by its name.
---@param test table
---@param name string
---@param selection? {operation?: string, worker?: integer, thread?: integer, clock?: "response"|"service"|"lateness"|"blocked"}
---@return number?, string? unit
function Results:value(test, name, selection) end

---@param test table
---@return vernier.Test
function Results:test_summary(test) end

---The intervals of a test in order of time, of all workers together; see doc/api.md.
---@param test table
---@return fun(): table?
function Results:intervals(test) end

-- ---- observers ----

---@class vernier.Observer: vernier.Plugin
---@field where "manager"
---@field init? fun(self: table, manager: table)
---@field run? fun(self: table, manager: table, interval: table, worker: integer)
---@field message? fun(self: table, manager: table, level: string, text: string)
---@field cell_start? fun(self: table, manager: table, cell: table)
---@field cell_end? fun(self: table, manager: table, cell: table, status: string, reasons: string[])
---@field round_start? fun(self: table, manager: table, round: table, at_ns: number, test: integer, place: string?)
---@field round_end? fun(self: table, manager: table, round: table, status: string, reasons: string[], test: integer)

-- ---- suites ----

---@class vernier.RoundSpec
---@field label? string
---@field description? string
---@field txNumber? integer
---@field txDuration? number
---@field rateControl vernier.RateControl
---@field workload vernier.WorkloadSpec
---@field trim? number
---@field callback? string older name of workload.module
---@field arguments? table older name of workload.arguments
---@field maxInFlight? integer
---@field catchUp? "all"|"drop"|"spread"
---@field lateAfter? number|string
---@field drain? number|string
---@field prepare? "sign"|{sign: "memory"|"file", number?: integer} runs are made and signed before the round
---@field timeout? number|string
---@field histogramDigits? integer
---@field onError? "continue"|"stop"
---@field onFailure? "continue"|"stop" of files; a suite looks at the status of the result

---@class vernier.WorkloadSpec
---@field module string
---@field arguments? table

---@alias vernier.Suite fun(run: vernier.Run)

---@class vernier.Run
---@field configuration string
---@field size integer of the cluster
---@field repetition integer
---@field dir string of the run
---@field workspace string
---@field seed integer
local Run = {}

---Runs a round, as in a benchmark file.
---@param round vernier.RoundSpec
---@return vernier.Result
function Run:round(round) end

---Runs functions at the same time; the first value that each returns.
---@param ... fun(): any
---@return any ...
function Run:parallel(...) end

---@param seconds number
function Run:sleep(seconds) end

---Sets a state variable, ${name} in later stages.
---@param name string
---@param value any
function Run:set(name, value) end

---The value of ${name} on the manager.
---@param name string
---@return any
function Run:get(name) end

---@param text any
function Run:log(text) end

---@class vernier.Result: vernier.Test what a stage gave; of one with one test also that test
---@field status "ok"|"failed"|"running"
---@field verdict vernier.Verdict
---@field reason? string
---@field tests vernier.Test[]

-- ---- summary.json ----

---@class vernier.Summary
---@field format integer
---@field run table
---@field certificate {verdict: string, reasons: string[], checks: vernier.Check[]}
---@field machine table
---@field calibration? table
---@field cells vernier.Cell[]
---@field tests vernier.Test[]
---@field results vernier.CustomResult[]
---@field monitors table[]

---@class vernier.Cell
---@field cell integer
---@field configuration string
---@field size integer
---@field repetition? integer
---@field groups {name: string, size: integer}[]
---@field attempt integer
---@field status "ok"|"failed"|"interrupted"|"not run"
---@field reasons string[]
---@field seconds? number

---@class vernier.Figures
---@field submitted integer
---@field ok integer
---@field failed integer
---@field unfinished integer
---@field trimmed integer
---@field send_rate? number
---@field throughput? number
---@field goodput? number
---@field response_time_ns? vernier.Times
---@field service_time_ns? vernier.Times
---@field lateness_ns? vernier.Times
---@field blocked_ns? vernier.Times

---@class vernier.Test: vernier.Figures
---@field configuration string
---@field size? integer
---@field cell? integer
---@field test integer
---@field label string
---@field description? string
---@field name string
---@field round? integer
---@field iteration integer
---@field iteration_value? any
---@field iteration_name? string
---@field repetition? integer
---@field model? "open"|"closed"
---@field status string
---@field reasons string[]
---@field number? integer
---@field duration? number
---@field threads? integer
---@field trim? number
---@field rate? {type: string, opts: table}
---@field workload? {module: string}
---@field seconds number
---@field runs integer
---@field empty integer
---@field dropped integer
---@field late integer
---@field operations vernier.Operation[]
---@field findings vernier.Finding[] of rate controllers
---@field errors vernier.Error[]
---@field workers vernier.Worker[]
---@field thresholds table[]

---@class vernier.Times
---@field min number
---@field mean number
---@field max number
---@field stddev? number
---@field p50 number
---@field p90 number
---@field p95 number
---@field p99 number
---@field p99_9 number
---@field p99_99 number

---@class vernier.Operation: vernier.Figures
---@field name string
---@field marks? vernier.Mark[]

---@class vernier.Mark a point that transactions came to on their way
---@field name string
---@field count integer
---@field response_time_ns vernier.Times
---@field service_time_ns? vernier.Times

---@class vernier.Error
---@field class string
---@field message string
---@field count integer
---@field first number
---@field last number

---@class vernier.Part
---@field status string
---@field reason? string
---@field response_time_ns? vernier.Times
---@field runs integer
---@field empty integer
---@field submitted integer
---@field ok integer
---@field failed integer
---@field unfinished integer
---@field dropped integer
---@field late integer
---@field trimmed integer
---@field throughput? number
---@field goodput? number

---@class vernier.Worker: vernier.Part
---@field worker integer
---@field group? string
---@field suspect boolean
---@field pid? integer
---@field vitals? vernier.Vitals
---@field threads? vernier.Thread[]

---@class vernier.Vitals
---@field wall_ns number
---@field cpu_ns number
---@field spun_ns number
---@field waited_ns number
---@field stalls integer
---@field longest_stall_ns number
---@field outliers integer
---@field outlier_ns number
---@field longest_outlier_ns number
---@field pauses integer
---@field collected_ns number
---@field longest_pause_ns number
---@field step_ns number
---@field steal number
---@field unsent integer

---@class vernier.Check
---@field name string
---@field verdict "VALID"|"SUSPECT"|"INVALID"
---@field value? number
---@field limit? number
---@field unit? string
---@field test? string
---@field worker? integer
---@field text string

---@class vernier.Thread: vernier.Part
---@field thread integer

---@class vernier.CustomResult
---@field cell? integer
---@field configuration? string
---@field size? integer
---@field repetition? integer
---@field test? string
---@field iteration? integer
---@field name? string
---@field value? number|string
---@field unit? string
---@field workers table<string, any>
