-- The process's one event loop. Times are ns since the clock base.
local core = require("vernier.core.ffi")
local C, ffi = core.C, core.ffi

local handle = C.vn_loop_new()
if handle == nil then
  error("vernier: " .. ffi.string(C.vn_errmsg()))
end
handle = ffi.gc(handle, C.vn_loop_free)

local M = {
  handle = handle, -- for the other core modules
  state = C.vn_loop_get_state(handle), -- events, polled_ns, turns, stalls, outliers …: see vn_loop_state
  TIMER = tonumber(C.VN_EV_TIMER),
}

-- Waits for events or the instant; returns how many events state.events holds until the next poll.
function M.poll(until_ns)
  return C.vn_poll(handle, until_ns)
end

function M.timer(tag, at_ns)
  return core.check(C.vn_loop_timer(handle, tag, at_ns))
end

function M.signal(tag, signum)
  return core.check(C.vn_loop_signal(handle, tag, signum))
end

local PACING = { precise = C.VN_PACING_PRECISE, economical = C.VN_PACING_ECONOMICAL, batched = C.VN_PACING_BATCHED }

function M.set_pacing(name)
  C.vn_loop_set_pacing(handle, PACING[name] or error("unknown pacing " .. tostring(name), 2))
end

-- From now on state.longest_stall_ns and longest_outlier_ns are of what follows.
function M.reset_longest()
  C.vn_loop_reset_longest(handle)
end

-- Open handles other than the loop's own: 0 after a clean end.
function M.handles()
  return C.vn_loop_handles(handle)
end

function M.now()
  return C.vn_clock_now()
end

return M
