-- The user's own stages beside the rounds: an ordered list of
--   - ./probe.lua                       a stage file or the name of a built-in stage
--   - ./probe.lua: {count: 3}           the same with properties
--   - rounds                            where the rounds go; without it they come last
local reference = require("vernier.config.reference")
local section = require("vernier.config.section")
local yaml = require("vernier.core.yaml")

local M = {}

local function read_name(stages, i)
  local entry = stages[i]
  if type(entry) == "string" and entry ~= "" then
    return entry, {}, { stages, i, "value" }
  elseif section.is_mapping(entry) and #yaml.keys(entry) == 1 then
    local name = yaml.keys(entry)[1]
    return name, entry[name] or {}, { entry, name }
  end
end

local function read_stage(context, stages, i)
  local name, properties, place = read_name(stages, i)
  local prefix = ("Stage %d: "):format(i)
  if type(name) ~= "string" then
    return context.findings:error({ stages, i, "value" }, prefix .. "must be a name, or one name with its properties",
      "- ./stage.lua or - ./stage.lua: {name: value}")
  elseif name == "rounds" then
    return { stage = "rounds" }
  elseif not section.is_mapping(properties) then
    return context.findings:error(place, prefix .. "its properties must be an object")
  end
  reference.check(context, "stage", name, place)
  reference.check_options(context, "stage", name, properties, prefix)
  local line, column = yaml.position(place[1], place[2])
  return { stage = name, properties = properties, position = { line = line, column = column } }
end

-- The list with exactly one entry {stage = "rounds"}; nil if the file has none.
function M.read(context, test)
  local stages, result, marked = test:get("stages"), {}, false
  if stages == nil then
    return nil
  elseif not section.is_list(stages) then
    return test:error("stages", '"stages" attribute must be an array')
  end
  for i = 1, #stages do
    local stage = read_stage(context, stages, i)
    if stage and stage.stage == "rounds" and marked then
      context.findings:error({ stages, i, "value" }, ("Stage %d: the rounds have their place already"):format(i))
    else
      result[#result + 1] = stage
      marked = marked or stage ~= nil and stage.stage == "rounds"
    end
  end
  if not marked then
    result[#result + 1] = { stage = "rounds" }
  end
  return result
end

return M
