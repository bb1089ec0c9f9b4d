-- vernier help [COMMAND | PLUG-IN | settings]: generated from the declarations.
local plugins = require("vernier.plugins")
local sorted = require("vernier.sorted")
local stage = require("vernier.stage")

local M = {
  usage = "help [COMMAND | PLUG-IN | settings]",
  summary = "show this, a command, a plug-in's options, or all settings",
  options = {},
}

local KINDS = { "connector", "workload", "rate controller", "stage", "observer", "reporter" }

local function show_default(spec)
  if spec.required then
    return "required"
  elseif spec.default == nil then
    return "-"
  elseif type(spec.default) == "table" then
    return #spec.default > 0 and table.concat(spec.default, ", ") or "-"
  end
  return tostring(spec.default)
end

local function unit_of(spec)
  local unit = spec.unit or spec.type == "duration" and "s"
  return unit and " (" .. unit .. ")" or ""
end

-- Aligned columns; the last one is not padded.
local function print_rows(rows)
  local width = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      width[i] = math.max(width[i] or 0, #cell)
    end
  end
  for _, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do
      cells[i] = i < #row and cell .. (" "):rep(width[i] - #cell) or cell
    end
    print("  " .. table.concat(cells, "  "))
  end
end

local function add_options(rows, declared, prefix)
  for _, name in ipairs(sorted(declared)) do
    local spec = declared[name]
    local kind = spec.type == "enum" and table.concat(spec.values, "|") or spec.type or "any"
    local short = spec.short and "-" .. spec.short .. ", " or ""
    rows[#rows + 1] = { short .. prefix .. name, kind .. unit_of(spec), show_default(spec),
      spec.doc or "" }
    if spec.fields then
      add_options(rows, spec.fields, prefix .. name .. ".")
    end
  end
end

local function print_options(declared, prefix)
  local rows = {}
  add_options(rows, declared, prefix)
  print_rows(rows)
end

local function overview()
  local cli = require("vernier.cli")
  print("vernier " .. cli.version() .. ": benchmarks for blockchains, databases and distributed systems\n")
  local rows = {}
  for _, name in ipairs(cli.COMMANDS) do
    local command = cli.command(name)
    rows[#rows + 1] = { "vernier " .. name, command.summary }
  end
  print_rows(rows)
  print("\nvernier help COMMAND, vernier help PLUG-IN (see vernier list), vernier help settings")
  return 0
end

local function show_command(name, command)
  print("vernier " .. command.usage .. "\n\n  " .. command.summary)
  if command.options and next(command.options) then
    print("\nOptions:")
    print_options(command.options, "--")
  end
  if command.settings then
    print("\nAny setting is an option too: vernier help settings.")
  end
  if command.details then
    print("\n" .. command.details)
  end
  return 0
end

local function show_plugin(kind, name)
  local module = plugins.load(kind, name, ".")
  print(("%s %s"):format(kind, name))
  if module.options and next(module.options) then
    print("\nOptions:")
    print_options(module.options, "")
  else
    print("\n  no options")
  end
  if kind == "stage" then
    print("\nRuns on the " .. module.where .. ". Options that all such stages have:")
    print_options(stage.common(module.where), "")
  end
  return 0
end

local function show_settings()
  local settings = require("vernier.settings")
  print("Settings: --NAME VALUE, the environment (CALIPER_REPORT_PATH), or a configuration file (caliper: {report: {path: …}});")
  print("vernier- is accepted for caliper- everywhere.\n")
  local rows = {}
  for _, key in ipairs(settings.list()) do
    rows[#rows + 1] = { key.name, key.type .. unit_of(key), show_default(key),
      (key.doc or "") .. (key.built == false and " [not built yet]" or "") }
  end
  print_rows(rows)
  return 0
end

function M.run(args)
  local cli = require("vernier.cli")
  local name = args[1]
  if not name then
    return overview()
  elseif name == "settings" then
    return show_settings()
  elseif cli.command(name) then
    return show_command(name, cli.command(name))
  end
  for _, kind in ipairs(KINDS) do
    if plugins.is_built_in(kind, name) then
      return show_plugin(kind, name)
    end
  end
  return cli.fail(('nothing is known about "%s"; see vernier help and vernier list'):format(name))
end

return M
