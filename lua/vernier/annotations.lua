-- What editors complete and check users' scripts by (LuaLS): files of ---@meta annotations, most of them written by hand;
-- the options of built-in plug-ins and stages are made from their declarations.
local embedded = require("vernier.embedded")
local plugins = require("vernier.plugins")
local sorted = require("vernier.sorted")
local stage = require("vernier.stage")

local M = {}

local WRITTEN = { "annotations/vernier.lua", "annotations/vernier-stages.lua", "annotations/vernier-results.lua",
  "annotations/vernier-websocket.lua", "annotations/vernier-json_rpc.lua" }
local TYPES = { number = "number", integer = "integer", boolean = "boolean", string = "string", table = "table",
  list = "any[]", duration = "number|string", size = "number|string", ranges = "integer|string|integer[]",
  ["key-value"] = "string|table<string, any>", any = "any" }
local KINDS = { { "workload", "workloads" }, { "rate controller", "ratecontrollers" }, { "connector", "connectors" } }

local function identifier(name)
  return (name:gsub("%-", "_"))
end

local function type_of(spec)
  if spec.type == "enum" then
    local list = {}
    for i, value in ipairs(spec.values) do
      list[i] = ("%q"):format(value)
    end
    return table.concat(list, "|")
  end
  return TYPES[spec.type or "any"]
end

-- Expressions may stand for any value where they are evaluated.
local function with_text(kind)
  return (kind == "any" or kind:find("string", 1, true)) and kind or kind .. "|string"
end

local function field(name, spec, evaluated)
  local kind = type_of(spec)
  return ("---@field %s%s %s %s"):format(identifier(name), spec.required and "" or "?", evaluated and with_text(kind) or kind,
    (spec.doc or ""):gsub("\n", " "))
end

local function class(out, name, declaration, evaluated)
  out[#out + 1] = "\n---@class " .. name
  for _, option in ipairs(sorted(declaration)) do
    out[#out + 1] = field(option, declaration[option], evaluated)
  end
end

local function add_plugins(out)
  for _, kind in ipairs(KINDS) do
    for _, name in ipairs(plugins.names(kind[1])) do
      class(out, ("vernier.%s.%s"):format(kind[2], identifier(name)), plugins.load(kind[1], name, ".").options or {})
    end
  end
  out[#out + 1] = "\n---@alias vernier.RateControl"
  for _, name in ipairs(plugins.names("rate controller")) do
    out[#out + 1] = ("---| {type: %q, opts?: vernier.ratecontrollers.%s}"):format(name, identifier(name))
  end
  out[#out + 1] = "---| {type: string, opts?: table}"
end

local function add_stages(out)
  local overloads = {}
  for i, name in ipairs(plugins.names("stage")) do
    local class_name = "vernier.stages." .. identifier(name)
    class(out, class_name, stage.declaration(plugins.load("stage", name, ".")), true)
    overloads[i] = ("---@overload fun(self: vernier.Run, name: %q, properties?: %s): vernier.Result"):format(name, class_name)
  end
  out[#out + 1] = "\n---@class vernier.Run\nlocal Run = {}\n\n---Runs the stage of that name, or of that path."
  out[#out + 1] = table.concat(overloads, "\n")
  out[#out + 1] = "---@param name string\n---@param properties? table\n---@return vernier.Result"
  out[#out + 1] = "function Run:stage(name, properties) end"
  out[#out + 1] = "\n---Runs the test stage.\n---@param properties vernier.stages.test\n---@return vernier.Result"
  out[#out + 1] = "function Run:test(properties) end"
end

local function generated()
  local out = { "---@meta _\n\n-- Made by vernier from the declarations of its plug-ins and stages." }
  add_plugins(out)
  add_stages(out)
  return table.concat(out, "\n") .. "\n"
end

-- The files, as a list of {path, text}, relative to the folder whose scripts they are for.
function M.files()
  local files = { { "annotations/vernier-plugins.lua", generated() } }
  for _, path in ipairs(WRITTEN) do
    files[#files + 1] = { path, embedded(path) }
  end
  return files
end

-- Where editors look: the text of .luarc.json in that folder.
M.LUARC = [[
{
  "runtime.version": "LuaJIT",
  "workspace.library": ["annotations"]
}
]]

return M
