-- The commands that go on in a worker after their stage, by name, in the table that lives as long as the cell (ctx.state).
local M = {}

local KEY = "vernier.worker.children"

-- Keeps a child under a name; several may have the same one. Those of that name that have ended are forgotten.
function M.keep(state, name, child)
  local list = { child }
  for _, other in ipairs(M.running(state, name)) do
    list[#list + 1] = other
  end
  state[KEY] = state[KEY] or {}
  state[KEY][name] = list
end

-- The children of that name that still run.
function M.running(state, name)
  local list = {}
  for _, child in ipairs(state[KEY] and state[KEY][name] or {}) do
    if child:running() then
      list[#list + 1] = child
    end
  end
  return list
end

-- The children of that name, ended or not, which is free again.
function M.take(state, name)
  local list = state[KEY] and state[KEY][name] or {}
  if state[KEY] then
    state[KEY][name] = nil
  end
  return list
end

-- Ends whatever is kept, `grace` seconds after it was asked to at the latest: how many still ran; or nil, message when
-- something is left.
function M.stop_all(state, grace)
  local n, failure = 0, nil
  local kept = state[KEY] or {}
  state[KEY] = nil
  for _, list in pairs(kept) do
    for _, child in ipairs(list) do
      n = n + (child:running() and 1 or 0)
      local result, message = child:stop({ grace = grace })
      failure = failure or not result and message or nil
    end
  end
  return not failure and n or nil, failure
end

return M
