-- Files and folders. Everything returns nil, message, code on failure.
local core = require("vernier.core.ffi")
local C, ffi, check = core.C, core.ffi, core.check

local M = {}

-- With parents; an existing folder is fine. mode: 0700 in decimal unless told.
function M.mkdir(path, mode)
  return check(C.vn_file_mkdir(path, mode or 448))
end

-- "file", "folder" or "other".
function M.kind(path)
  local rc, message, code = check(C.vn_file_kind(path))
  if not rc then
    return nil, message, code
  end
  return ({ f = "file", d = "folder", o = "other" })[string.char(rc)]
end

function M.exists(path)
  return C.vn_file_kind(path) > 0
end

-- Whether a file can be created or written there, parents included; leaves no trace.
function M.writable(path)
  return check(C.vn_file_writable(path))
end

-- The names in a folder, sorted by bytes.
function M.list(path)
  local size = 65536
  while true do
    local out = ffi.new("char[?]", size)
    local rc, message, code = check(C.vn_file_list(path, out, size))
    if rc then
      local names = {}
      for name in ffi.string(out, rc):gmatch("([^%z]+)%z") do
        names[#names + 1] = name
      end
      return names
    elseif code ~= tonumber(C.VN_ELIMIT) then
      return nil, message, code
    end
    size = size * 4
  end
end

function M.remove(path)
  return check(C.vn_file_remove(path))
end

-- A folder with all that is in it.
function M.remove_tree(path)
  if M.kind(path) == "folder" then
    for _, name in ipairs(M.list(path) or {}) do
      M.remove_tree(path .. "/" .. name)
    end
  end
  return M.remove(path)
end

function M.chdir(path)
  return check(C.vn_file_chdir(path))
end

function M.realpath(path)
  local out = ffi.new("char[?]", 4096)
  local rc, message, code = check(C.vn_file_realpath(path, out, 4096))
  if not rc then
    return nil, message, code
  end
  return ffi.string(out, rc)
end

-- Replaces the file by rename: readers see the old or the new one. mode: 0644 in decimal unless told.
function M.write(path, text, mode)
  return check(C.vn_file_write(path, text, #text, mode or 420))
end

-- The SHA-256 of a file's bytes, as 64 hexadecimal digits.
function M.sha256(path)
  local out = ffi.new("char[65]")
  local rc, message, code = check(C.vn_file_sha256(path, out, 65))
  if not rc then
    return nil, message, code
  end
  return ffi.string(out, rc)
end

function M.read(path)
  local file, message = io.open(path, "rb")
  if not file then
    return nil, message
  end
  local text
  text, message = file:read("*a")
  file:close()
  return text, message
end

return M
