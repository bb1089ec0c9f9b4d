-- JSON-RPC messages in a text, the C half; see src/json_rpc.c.
local core = require("vernier.core.ffi")
local C, ffi = core.C, core.ffi

local M = {
  RESULT = tonumber(C.VN_RPC_RESULT),
  ERROR = tonumber(C.VN_RPC_ERROR),
  NOTIFICATION = tonumber(C.VN_RPC_NOTIFICATION),
}

local message, cursor = ffi.new("vn_rpc_message"), ffi.new("uint32_t[1]")

-- data: a text, or a pointer to one of len bytes; at: 0, then what the call before gave.
-- The next at, kind, id (-1: none), method (of a notification). Kind 0: there was no more. nil, message: it is not JSON-RPC.
function M.next(data, len, at)
  cursor[0] = at
  local rc = C.vn_rpc_next(message, cursor, data, len)
  if rc < 0 then
    return nil, ffi.string(C.vn_errmsg())
  elseif rc == 0 then
    return cursor[0], 0
  end
  local method = message.kind == M.NOTIFICATION and ffi.string(message.method, message.method_len) or nil
  return cursor[0], message.kind, message.id, method
end

-- Of the message that next has found last, while its text is there: the value, as JSON or, if plain, the content of a string;
-- plain. Nil: there is none.
function M.value()
  if message.value == nil then
    return nil
  elseif message.plain == 1 then
    return ffi.string(message.value + 1, message.value_len - 2), true
  end
  return ffi.string(message.value, message.value_len), false
end

-- Whether that value is an object or a list.
function M.is_nested()
  return message.value ~= nil and (message.value[0] == 123 or message.value[0] == 91) -- { and [
end

-- What read(data, len) gives of that value.
function M.read(read)
  return read(message.value, message.value_len)
end

return M
