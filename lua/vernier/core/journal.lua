-- Journals: append-only files of checksummed records, readable after a crash.
local core = require("vernier.core.ffi")
local C, ffi, check = core.C, core.ffi, core.check

local M = { BUSY = tonumber(C.VN_EBUSY) }

local Journal = {}
Journal.__index = Journal

local function wrap(handle)
  if handle == nil then
    return nil, ffi.string(C.vn_errmsg())
  end
  return setmetatable({ _handle = ffi.gc(handle, C.vn_journal_close) }, Journal)
end

-- A new journal to write; fails if the file exists.
function M.create(path)
  return wrap(C.vn_journal_create(path))
end

function M.open(path)
  return wrap(C.vn_journal_open(path))
end

-- A journal that a process has left, to append behind its last readable record. nil, message, code where it cannot be;
-- the code is M.BUSY as long as another process writes it.
function M.reopen(path)
  local code = ffi.new("int[1]")
  local handle = C.vn_journal_reopen(code, path)
  if handle == nil then
    return nil, ffi.string(C.vn_errmsg()), code[0]
  end
  return wrap(handle)
end

-- Whole or not at all: nil, message, code leaves a valid journal that later appends may continue.
function Journal:append(text)
  return check(C.vn_journal_append(self._handle, text, #text))
end

local data, len = ffi.new("const char *[1]"), ffi.new("size_t[1]")

-- The next record's text; nil at the end; nil, message, code at a damaged or torn one, after which to ask again.
function Journal:next()
  local rc = C.vn_journal_next(self._handle, data, len)
  if rc == 1 then
    return ffi.string(data[0], len[0])
  elseif rc < 0 then
    return check(rc)
  end
  return nil
end

-- Where the next record begins, for Journal:go_to() of a later reader.
function Journal:offset()
  return C.vn_journal_get_offset(self._handle)
end

-- Goes on reading there. nil, message, code.
function Journal:go_to(offset)
  return check(C.vn_journal_set_offset(self._handle, offset))
end

function Journal:close()
  if self._handle then
    C.vn_journal_close(ffi.gc(self._handle, nil))
    self._handle = nil
  end
end

return M
