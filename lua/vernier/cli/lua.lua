-- vernier lua FILE: runs a Lua script inside the binary, with every vernier module at hand.
local M = {
  usage = "lua FILE [ARGUMENT…]",
  summary = "run a Lua script inside vernier",
  raw = true,
}

local function remember_exit(status)
  error({ exit = status == true and 0 or status == false and 1 or tonumber(status) or 0 }, 0)
end

local function on_error(err)
  return type(err) == "string" and debug.traceback(err, 2) or err
end

function M.run(argv)
  local path = argv[1]
  if not path then
    io.stderr:write("vernier: lua: which file?\n")
    return 2
  end
  local chunk, message = loadfile(path)
  if not chunk then
    io.stderr:write("vernier: ", message, "\n")
    return 2
  end
  _G.arg = { [0] = path, unpack(argv, 2) }
  -- So that the state is closed, and the loop with it.
  os.exit = remember_exit -- luacheck: ignore
  local ok, result = xpcall(chunk, on_error, unpack(argv, 2))
  if not ok and type(result) == "table" and result.exit then
    return result.exit
  elseif not ok then
    io.stderr:write("vernier: ", tostring(result), "\n")
    return 1
  end
  return tonumber(result) or 0
end

return M
