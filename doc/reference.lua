-- Writes doc/reference.md and doc/vernier.1 from the declarations of commands, settings and plug-ins.
-- usage: vernier lua doc/reference.lua FOLDER
local cli = require("vernier.cli")
local plugins = require("vernier.plugins")
local settings = require("vernier.settings")
local sorted = require("vernier.sorted")
local stage = require("vernier.stage")

local KINDS = { "workload", "rate controller", "connector", "stage", "observer", "monitor", "reporter" }

local function type_of(spec)
  local kind = spec.type or "any"
  if kind == "enum" then
    local values = {}
    for i, value in ipairs(spec.values) do
      values[i] = tostring(value)
    end
    kind = table.concat(values, ", ")
  end
  return spec.unit and kind .. ", " .. spec.unit or kind
end

local function default_of(spec)
  if spec.required then
    return "required"
  elseif spec.default == nil or type(spec.default) == "table" then
    return ""
  end
  return type(spec.default) == "number" and ("%.14g"):format(spec.default) or tostring(spec.default)
end

local function range_of(spec)
  if spec.min and spec.max then
    return ("%.14g to %.14g"):format(spec.min, spec.max)
  elseif spec.min or spec.max then
    return ("%s %.14g"):format(spec.min and "at least" or "at most", spec.min or spec.max)
  end
end

local function doc_of(spec)
  local parts = { spec.doc or "" }
  parts[#parts + 1] = range_of(spec)
  if spec.aliases then
    parts[#parts + 1] = "also " .. table.concat(spec.aliases, ", ")
  end
  if spec.secret then
    parts[#parts + 1] = "secret: never written to files or reports"
  end
  if spec.built == false then
    parts[#parts + 1] = "known, without effect so far"
  end
  return table.concat(parts, "; ")
end

-- ---- Markdown ----

local function cell(text)
  return (text:gsub("|", "\\|"):gsub("\n", " "):gsub("<", "&lt;"))
end

local function add_row(out, name, spec)
  out[#out + 1] = ("| `%s` | %s | %s | %s |"):format(name, cell(type_of(spec)), cell(default_of(spec)), cell(doc_of(spec)))
end

local function add_options(out, declared, prefix)
  for _, name in ipairs(sorted(declared)) do
    add_row(out, prefix .. name, declared[name])
    if declared[name].fields then
      add_options(out, declared[name].fields, prefix .. name .. ".")
    end
  end
end

local function add_table(out, declared, prefix)
  out[#out + 1] = "| option | type | default | |\n|---|---|---|---|"
  add_options(out, declared, prefix)
  out[#out + 1] = ""
end

local function commands(out)
  out[#out + 1] = "## Commands\n"
  for _, name in ipairs(cli.COMMANDS) do
    local command = cli.command(name)
    out[#out + 1] = ("### vernier %s\n\n    vernier %s\n\n%s.\n"):format(name,
      command.usage:find(name, 1, true) == 1 and command.usage or name .. " " .. command.usage,
      command.summary:gsub("^%l", string.upper))
    if command.options and next(command.options) then
      add_table(out, command.options, "--")
    end
    if command.settings then
      out[#out + 1] = "Any setting below is an option, too.\n"
    end
    if command.details then
      out[#out + 1] = command.details .. "\n"
    end
  end
end

local function all_settings(out)
  out[#out + 1] = [[
## Settings

`--caliper-report-path FILE` on the command line, `CALIPER_REPORT_PATH` in the environment, `caliper: {report: {path: FILE}}` in a
settings file; `vernier` is accepted for `caliper` everywhere. Precedence: command line, environment, project file
(`vernier.yaml` or `caliper.yaml` in the workspace, or `caliper-projectconfig`), user file, machine file, default.

| setting | type | default | |
|---|---|---|---|]]
  for _, spec in ipairs(settings.list()) do
    add_row(out, spec.name, spec)
  end
  out[#out + 1] = ""
end

-- What stands under the heading of a kind, before its plug-ins.
local function introduce(out, kind)
  if kind == "stage" then
    out[#out + 1] = "All stages take these options beside their own. The workers are those that workers, groups and roles "
      .. "all choose; a stage on the manager has none to choose.\n"
    add_table(out, stage.COMMON, "")
  end
end

local function all_plugins(out)
  for _, kind in ipairs(KINDS) do
    local names = plugins.names(kind)
    if #names > 0 then
      out[#out + 1] = ("## %ss\n"):format((kind:gsub("^%l", string.upper)))
      introduce(out, kind)
    end
    for _, name in ipairs(names) do
      local module = assert(plugins.load(kind, name, "."))
      out[#out + 1] = ("### %s\n"):format(name)
      if kind == "stage" then
        out[#out + 1] = ("Runs on the %s.\n"):format(module.where)
      end
      if module.options and next(module.options) then
        add_table(out, module.options, "")
      else
        out[#out + 1] = "No options.\n"
      end
    end
  end
end

local function markdown()
  local out = {
    "# Reference\n\nMade by `make doc` from the declarations of commands, settings and plug-ins: do not edit.\n",
  }
  commands(out)
  all_settings(out)
  all_plugins(out)
  return (table.concat(out, "\n"):gsub("%s+$", "\n"))
end

-- ---- man page ----

local function roff(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("\n([.'])", "\n\\&%1"):gsub("^([.'])", "\\&%1"))
end

local MAN_END = [[
.SH EXIT STATUS
.TP
.B 0
all stages ran
.TP
.B 1
unexpected, also a full disk
.TP
.B 2
usage or configuration
.TP
.B 3
a stage, round or worker failed
.TP
.B 130
interrupted; the results are kept
.SH FILES
.I runs/NAME\-TIME/summary.json
.br
.I report.html
.SH SEE ALSO
.B vernier help
.IR COMMAND ,
.B vernier help settings]]

local function man_page()
  local out = { '.TH VERNIER 1 "" "vernier ' .. cli.version() .. '"', ".SH NAME",
    "vernier \\- benchmarks for blockchains, databases and distributed systems", ".SH SYNOPSIS", ".B vernier",
    ".I COMMAND", ".RI [ ARGUMENT ...]", ".SH COMMANDS" }
  for _, name in ipairs(cli.COMMANDS) do
    local command = cli.command(name)
    out[#out + 1] = (".TP\n.B %s\n%s."):format(roff(name), roff((command.summary:gsub("^%l", string.upper))))
    for _, option in ipairs(sorted(command.options or {})) do
      out[#out + 1] = (".RS\n.TP\n.B \\-\\-%s\n%s\n.RE"):format(roff(option), roff(doc_of(command.options[option])))
    end
  end
  out[#out + 1] = MAN_END
  return table.concat(out, "\n") .. "\n"
end

local folder = assert(arg[1], "which folder?")
for name, text in pairs({ ["reference.md"] = markdown(), ["vernier.1"] = man_page() }) do
  local file = assert(io.open(folder .. "/" .. name, "w"))
  file:write(text)
  assert(file:close())
end
