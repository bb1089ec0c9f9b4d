-- A load's C half: the queue of permitted instants, run slots, transactions and the live interval.
-- The hot path calls C through the functions below with the raw handle; the JIT compiles them away.
local core = require("vernier.core.ffi")
local loop = require("vernier.core.loop")
local C, ffi, check = core.C, core.ffi, core.check

local M = {
  AGAIN = tonumber(C.VN_EAGAIN), -- nothing due yet, or the network's turn
  LIMIT = tonumber(C.VN_ELIMIT), -- the in-flight limit
  DONE = tonumber(C.VN_EDONE), -- no run will ever be due again
  FRESH = tonumber(C.VN_TX_FRESH), -- numbers of transactions from here on are for one transaction alone
}

local CATCH_UP = { all = C.VN_CATCH_UP_ALL, drop = C.VN_CATCH_UP_DROP, spread = C.VN_CATCH_UP_SPREAD }

-- options: number, duration_ns, trim_runs, trim_ns, ramp_ns, late_after_ns, max_in_flight, budget_ns, live_path, catch_up,
-- digits, feedback.
-- Returns the handle, or nil, message, code. Free it with M.free.
function M.new(options)
  local o = ffi.new("vn_load_options", {
    number = options.number or -1,
    duration_ns = options.duration_ns or 0,
    trim_runs = options.trim_runs or 0,
    trim_ns = options.trim_ns or 0,
    ramp_ns = options.ramp_ns or 0,
    late_after_ns = options.late_after_ns,
    max_in_flight = options.max_in_flight,
    budget_ns = options.budget_ns,
    live_path = options.live_path,
    catch_up = CATCH_UP[options.catch_up or "all"],
    digits = options.digits or 3,
    feedback = options.feedback and 1 or 0,
  })
  local handle = C.vn_load_new(loop.handle, o)
  if handle == nil then
    return nil, ffi.string(C.vn_errmsg())
  end
  return handle
end

function M.free(handle)
  C.vn_load_free(handle)
end

function M.keep(handle)
  C.vn_load_keep(handle)
end

function M.start(handle, start_ns)
  C.vn_load_start(handle, start_ns)
end

function M.permit(handle, index, due_ns)
  return C.vn_load_permit(handle, index, due_ns)
end

-- The pacer's turn begins: take's budget counts from here.
function M.turn(handle)
  C.vn_load_turn(handle)
end

function M.take(handle)
  return C.vn_load_take(handle)
end

function M.release(handle, run)
  C.vn_load_release(handle, run)
end

-- The run records (index, intended_ns, started_ns) by slot: an array that stays at its address.
function M.runs(handle)
  return C.vn_load_runs(handle)
end

function M.open_tx(handle, run, operation)
  return C.vn_tx_open(handle, run, operation)
end

local new_ref = ffi.typeof("vn_tx_ref")

-- The transaction as connectors have it (sent_ns, finished_ns …, mark). Callers cache it by number, below FRESH.
function M.tx(handle, tx)
  local ref = new_ref()
  C.vn_load_tx(handle, ref, tx)
  return ref
end

-- class: -1 for ok, else the number of the error class.
function M.close_tx(handle, tx, class)
  C.vn_tx_close(handle, tx, class)
end

function M.operation(handle, name)
  return check(C.vn_load_operation(handle, name))
end

function M.class(handle, name)
  return check(C.vn_load_class(handle, name))
end

function M.next_due(handle)
  return C.vn_load_next_due(handle)
end

function M.queued(handle)
  return C.vn_load_queued(handle)
end

function M.stop(handle)
  C.vn_load_stop(handle)
end

function M.finish(handle)
  C.vn_load_finish(handle)
end

-- vn_stats: runs, runs_finished, in_flight, submitted, finished, ok, failed, response_sum_ns, dropped, late, permitted …
function M.stats(handle)
  return C.vn_load_stats(handle)
end

-- Opens a window on the runs that are due in [from_ns, to_ns), since the round's start, in the place of the one before.
-- Returns 0, or nil, message, code.
function M.watch(handle, from_ns, to_ns)
  return check(C.vn_load_watch(handle, from_ns, to_ns))
end

-- vn_window: from_ns, to_ns, runs, late, dropped, limited, submitted, ok, failed, finished.
function M.window(handle)
  return C.vn_load_window(handle)
end

-- The window's histograms of response time (of ok ones) and lateness; nil before the first watch.
function M.window_times(handle)
  local response = C.vn_load_window_hist(handle, C.VN_RESPONSE)
  if response == nil then
    return nil
  end
  return response, C.vn_load_window_hist(handle, C.VN_LATENESS)
end

-- From now on the times of each run's first transaction are kept. Returns 0, or nil, message, code.
function M.trace(handle)
  return check(C.vn_load_trace(handle))
end

-- The times of when runs that were due in [from_ns, to_ns) sent their first transaction, since the round's start, sorted;
-- nil, message where there were too many to be kept.
function M.sent_times(handle, from_ns, to_ns)
  local n, list = C.vn_load_traced(handle), {}
  if n < 0 then
    return nil, ("more than %d transactions were sent: their times were not kept"):format(tonumber(C.VN_TRACE_MAX))
  end
  for i = 0, n - 1 do
    local entry = C.vn_load_trace_entry(handle, i)
    if entry.intended_ns >= from_ns and entry.intended_ns < to_ns then
      list[#list + 1] = entry.sent_ns
    end
  end
  table.sort(list)
  return list
end

-- The live interval, up to now; see vernier.core.live.
function M.live(handle)
  return C.vn_load_live(handle)
end

function M.next_interval(handle)
  C.vn_load_next_interval(handle)
end

-- ---- the transaction of a connector ----

local function check_mark(name, at_ns)
  if type(name) ~= "string" then
    error("tx:mark(name, at_ns): the name is a text, not a " .. type(name), 3)
  elseif at_ns ~= nil and type(at_ns) ~= "number" then
    error("tx:mark(name, at_ns): the instant is a number of ns since the clock base, not a " .. type(at_ns), 3)
  end
end

local methods = {}

-- The transaction has come to that point of its way, at that instant (ns since the clock base; now, unless told). Each
-- call counts. Once its load is over it does nothing; an error where the transaction itself is over before that.
function methods.mark(ref, name, at_ns)
  check_mark(name, at_ns)
  if C.vn_tx_mark(ref, name, #name, at_ns or C.vn_clock_now()) ~= 0 then
    error(("tx:mark(%q): %s"):format(name, ffi.string(C.vn_errmsg())), 2)
  end
end

-- What is set late is for nobody: the slot may be another transaction's by then.
ffi.metatype(new_ref, {
  __index = function(ref, key)
    return methods[key] or ref.tx[key]
  end,
  __newindex = function(ref, key, value)
    local tx = ref.tx
    if tx.serial == ref.serial then
      tx[key] = value
    end
  end,
})

local untimed = {}

function untimed.mark(_, name, at_ns)
  check_mark(name, at_ns)
end

ffi.metatype("vn_tx", { __index = untimed })

-- A transaction outside any load: for requests that are neither timed nor counted.
function M.untimed_tx()
  return ffi.new("vn_tx")
end

return M
