-- Histograms of durations in ns: constant memory, merged by addition, encoded as text.
-- Methods work on own histograms and on those that lie in a load's live interval.
local core = require("vernier.core.ffi")
local C, ffi, check = core.C, core.ffi, core.check

local M = {}

local methods = {}

function methods:record(ns)
  C.vn_hist_record(self, ns)
end

-- Returns 0, or nil, message, code (different digits).
function methods:add(other)
  return check(C.vn_hist_add(self, other))
end

function methods:reset()
  C.vn_hist_reset(self)
end

function methods:count()
  return C.vn_hist_count(self)
end

function methods:min()
  return C.vn_hist_min(self)
end

function methods:max()
  return C.vn_hist_max(self)
end

function methods:mean()
  return C.vn_hist_mean(self)
end

function methods:stddev()
  return C.vn_hist_stddev(self)
end

function methods:percentile(p)
  return C.vn_hist_percentile(self, p)
end

-- for from_ns, to_ns, count in h:cells() do … end over the cells that are not empty, in rising order.
function methods:cells()
  local cell = ffi.new("vn_hist_cell")
  return function()
    if C.vn_hist_next(self, cell) == 1 then
      return cell.from_ns, cell.to_ns, cell.count
    end
  end
end

local scratch, capacity = nil, 0

function methods:encode()
  local need = C.vn_hist_encoded_max(self)
  if need > capacity then
    scratch, capacity = ffi.new("char[?]", need), need
  end
  return ffi.string(scratch, C.vn_hist_encode(self, scratch, capacity))
end

-- Adds an encoded histogram of the same digits. Returns 0, or nil, message, code and is unchanged.
function methods:decode_add(text)
  return check(C.vn_hist_decode_add(self, text, #text))
end

-- In HdrHistogram's form (V2, compressed, base64), as its logs hold it: cells alone, exact sums do not travel.
-- nil, message, code where there is no memory for it.
function methods:encode_hdr()
  local need = C.vn_hdr_encoded_max(self)
  if need > capacity then
    scratch, capacity = ffi.new("char[?]", need), need
  end
  local len, message, code = check(C.vn_hdr_encode(self, scratch, capacity))
  if not len then
    return nil, message, code
  end
  return ffi.string(scratch, len)
end

ffi.metatype("vn_hist", { __index = methods })

local function own(handle)
  if handle == nil then
    return nil, ffi.string(C.vn_errmsg())
  end
  return ffi.gc(handle, C.vn_hist_free)
end

-- digits: 1 to 5 significant ones, 3 unless told.
function M.new(digits)
  return own(C.vn_hist_new(digits or 3))
end

-- From HdrHistogram's form, with its digits; min, max, mean and deviation follow from the cells. nil, message, code.
function M.decode_hdr(text)
  local code = ffi.new("int[1]")
  local handle = C.vn_hdr_decode(code, text, #text)
  if handle == nil then
    return nil, ffi.string(C.vn_errmsg()), code[0]
  end
  return own(handle)
end

-- A sound copy of a histogram of a process that may have been killed in the middle of a record.
function M.salvage(dead)
  return own(C.vn_hist_salvage(dead))
end

return M
