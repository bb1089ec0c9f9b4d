-- JSON-RPC messages in a text, the C half; see src/json_rpc.c.
local core = require("vernier.core.ffi")
local C, ffi = core.C, core.ffi

local M = {
  RESULT = tonumber(C.VN_RPC_RESULT),
  ERROR = tonumber(C.VN_RPC_ERROR),
  NOTIFICATION = tonumber(C.VN_RPC_NOTIFICATION),
}

local message, cursor = ffi.new("vn_rpc_message"), ffi.new("uint32_t[1]")

local function value_of(m)
  if m.value == nil then
    return nil
  elseif m.plain == 1 then
    return ffi.string(m.value + 1, m.value_len - 2)
  end
  return ffi.string(m.value, m.value_len)
end

-- data: a text, or a pointer to one of len bytes; at: 0, then what the call before gave.
-- The next at, kind, id (-1: none), value (JSON, or the content of a string if plain), plain, method (of a notification).
-- Kind 0: there was no more. nil, message: it is not JSON-RPC.
function M.next(data, len, at)
  cursor[0] = at
  local rc = C.vn_rpc_next(message, cursor, data, len)
  if rc < 0 then
    return nil, ffi.string(C.vn_errmsg())
  elseif rc == 0 then
    return cursor[0], 0
  end
  local method = message.kind == M.NOTIFICATION and ffi.string(message.method, message.method_len) or nil
  return cursor[0], message.kind, message.id, value_of(message), message.plain == 1, method
end

return M
