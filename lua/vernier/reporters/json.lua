-- Writes summary.json, what scripts read; doc/summary.md describes its members.
local file = require("vernier.core.file")
local json = require("vernier.json")
local summary = require("vernier.results.summary")

local M = { options = {} }

function M:run(ctx, results)
  local path = ctx.dir .. "/summary.json"
  local ok, message = file.write(path, json.encode(results:representation("summary"), summary.ORDER), 384)
  if not ok then
    return nil, message
  end
  return { path }
end

return M
