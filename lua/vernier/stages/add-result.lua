-- Adds a value of the user's own to the results of a test, beside what was measured.
local near = require("vernier.near")

local function number_or_text(value)
  if type(value) == "string" or type(value) == "number" and value == value and math.abs(value) < math.huge then
    return value
  end
  return nil, "must be a number or a text"
end

local M = {
  where = "manager",
  options = {
    ["test-name"] = { type = "string", required = true, doc = "name of the test it belongs to" },
    ["result-name"] = { type = "string", required = true, doc = "what the value is" },
    value = { type = "any", required = true, convert = number_or_text, doc = "the value: a number or a text" },
    unit = { type = "string", doc = "its unit" },
    iteration = { type = "integer", min = 0,
      doc = "iteration of the test, counted from 0 as repeat.counter counts; the last one if absent" },
  },
}

function M:run(ctx, options)
  local name, iteration = options["test-name"], options.iteration
  local ids, names = ctx.cell:tests(name)
  if not ids then
    local hint = near.hint(name, names)
    error(('there is no test "%s" so far%s'):format(name, hint and " (" .. hint .. ")" or ""), 0)
  elseif iteration and iteration >= #ids then
    error(('iteration: the test "%s" has had %d so far, and they count from 0'):format(name, #ids), 0)
  end
  ctx:add_result({ test = name, name = options["result-name"], value = options.value, unit = options.unit,
    iteration = iteration and iteration + 1 })
end

return M
