-- Vectors that others made: those of ethers (npm @ethersproject/testcases, as spec/package-lock.json has it), and the
-- project's shared ones where they are at hand.
local cjson = require("cjson")
local support = require("spec.support")

local M = {}

local FOLDER = "spec/node_modules/@ethersproject/testcases/testcases/"
local SHARED = "../shared/vectors/"

-- The list in a file of @ethersproject/testcases, named without .json.gz.
function M.ethers(name)
  local path = FOLDER .. name .. ".json.gz"
  local r = support.run({ "gzip", "-dc", path, timeout = 60 })
  assert(r.status == 0, "no " .. path .. ": make deps installs it")
  return cjson.decode(r.stdout)
end

-- A file of the shared vectors; nil where they are not here.
function M.shared(name)
  local file = io.open(SHARED .. name)
  if not file then
    return nil
  end
  local text = file:read("*a")
  file:close()
  return cjson.decode(text)
end

return M
