-- The core's C functions, with the version lock between the two halves. Only vernier.core.* may require this or "ffi".
local ffi = require("ffi")
local declarations = require("vernier.cdef")

ffi.cdef(declarations)
local C = ffi.C
if C.vn_abi() ~= C.VN_ABI then
  error(("vernier: the C core has ABI %d, its Lua half expects %d: rebuild"):format(C.vn_abi(), C.VN_ABI))
end

-- All are looked up now: where the compiler meets one for the first time, it gives up its trace.
-- (A plain search for each, because a pattern that is tried at every byte takes a millisecond of every process.)
local at = declarations:find("vn_", 1, true)
while at do
  local name = declarations:match("^(vn_%S-)%(", at)
  local _ = name and C[name]
  at = declarations:find("vn_", at + 1, true)
end

local M = { C = C, ffi = ffi }

-- nil, message, code for a negative return value of the core; the value itself otherwise.
function M.check(rc)
  if rc < 0 then
    local detail = ffi.string(C.vn_errmsg())
    return nil, detail ~= "" and detail or ffi.string(C.vn_strerror(rc)), tonumber(rc)
  end
  return rc
end

local CLASSES = {
  [tonumber(C.VN_ERESOLVE)] = "resolve",
  [tonumber(C.VN_ECONNECT)] = "connect",
  [tonumber(C.VN_ETLS)] = "tls",
  [tonumber(C.VN_ETIMEDOUT)] = "timeout",
  [tonumber(C.VN_EPROTOCOL)] = "protocol",
  [tonumber(C.VN_ELIMIT)] = "protocol",
}

-- The class of failed transactions that a failed connection's status stands for.
function M.class(status)
  return CLASSES[status] or "reset"
end

-- What the options of all clients say of their server, and of the members of `defaults`, as a struct is made from it. Texts
-- belong to the options: the struct does not keep them.
function M.server(options, defaults)
  local o = { host = options.host, path = options.path, header = options.host_header, ca = options.ca,
    port = options.port or (options.tls and 443 or 80), tls = options.tls and 1 or 0,
    verify = options.verify == false and 0 or 1 }
  for name, value in pairs(defaults) do
    o[name] = options[name] or value
  end
  return o
end

-- What an event brings along: a message, an answer's body, why something failed.
function M.text(event)
  return ffi.string(event.data, event.len)
end

function M.strerror(code)
  return ffi.string(C.vn_strerror(code))
end

return M
