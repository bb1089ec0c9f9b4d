-- A load's C half: the queue of permitted instants, run slots, transactions and the live interval.
-- The hot path calls C through the functions below with the raw handle; the JIT compiles them away.
local core = require("vernier.core.ffi")
local loop = require("vernier.core.loop")
local C, ffi, check = core.C, core.ffi, core.check

local M = {
  AGAIN = tonumber(C.VN_EAGAIN), -- nothing due yet, or the network's turn
  LIMIT = tonumber(C.VN_ELIMIT), -- the in-flight limit
  DONE = tonumber(C.VN_EDONE), -- no run will ever be due again
}

local CATCH_UP = { all = C.VN_CATCH_UP_ALL, drop = C.VN_CATCH_UP_DROP }

-- options: number, duration_ns, trim_runs, trim_ns, late_after_ns, max_in_flight, budget_ns, live_path, catch_up, digits,
-- feedback.
-- Returns the handle, or nil, message, code. Free it with M.free.
function M.new(options)
  local o = ffi.new("vn_load_options", {
    number = options.number or -1,
    duration_ns = options.duration_ns or 0,
    trim_runs = options.trim_runs or 0,
    trim_ns = options.trim_ns or 0,
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

-- The run record (index, intended_ns, started_ns); it stays at its address, so callers cache it by number.
function M.run(handle, run)
  return C.vn_load_run(handle, run)
end

function M.open_tx(handle, run, operation)
  return C.vn_tx_open(handle, run, operation)
end

-- The transaction record (sent_ns, finished_ns …); cached by number likewise.
function M.tx(handle, tx)
  return C.vn_load_tx(handle, tx)
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

-- The live interval, up to now; see vernier.core.live.
function M.live(handle)
  return C.vn_load_live(handle)
end

function M.next_interval(handle)
  C.vn_load_next_interval(handle)
end

-- A transaction record outside any load: for requests that are neither timed nor counted.
function M.untimed_tx()
  return ffi.new("vn_tx")
end

return M
