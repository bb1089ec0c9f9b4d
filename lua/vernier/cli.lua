-- The command line: finds the command, checks its options, prints help, returns the exit status.
--
-- A command is a module vernier.cli.<name>: {usage, summary, options, settings = true when it takes settings, raw = true
-- when it reads its arguments itself, run(args) -> exit status}. args: the positional arguments as a list, and .options.
local near = require("vernier.near")
local options = require("vernier.options")
local process = require("vernier.core.process")
local sorted = require("vernier.sorted")

local M = {}

-- In the order in which `vernier help` shows them.
M.COMMANDS = { "run", "resume", "launch", "check", "init", "report", "calibrate", "demo-server", "list", "lua", "help" }

function M.fail(message, status)
  io.stderr:write("vernier: ", message, "\n")
  return status or 2
end

function M.version()
  return process.version()
end

function M.command(name)
  for _, known in ipairs(M.COMMANDS) do
    if known == name then
      return require("vernier.cli." .. name)
    end
  end
end

local function value_of(spec, text)
  if spec.type ~= "string" and spec.type ~= "boolean" and spec.type ~= "enum" then
    return tonumber(text) or text
  elseif spec.type == "boolean" then
    if text == "true" then
      return true
    elseif text == "false" then
      return false
    end
  end
  return text
end

local function find_option(declared, name)
  if declared[name] then
    return name, declared[name]
  end
  for other, spec in pairs(declared) do
    if spec.short == name then
      return other, spec
    end
  end
end

-- Splits argv into positional arguments and declared options; nil, message for what is not declared.
function M.parse(declared, argv)
  local args, values, i = {}, {}, 1
  while i <= #argv do
    local word = argv[i]
    local name, value = word:match("^%-%-([%w-]+)=(.*)$")
    name = name or word:match("^%-%-([%w-]+)$") or word:match("^%-(%a)$")
    if word == "--" then
      for j = i + 1, #argv do
        args[#args + 1] = argv[j]
      end
      break
    elseif name then
      local full, spec = find_option(declared, name)
      if not full then
        local hint = near.hint(name, sorted(declared), "--")
        return nil, ("unknown option %s%s"):format(word, hint and " (" .. hint .. ")" or "")
      end
      if value == nil and spec.type == "boolean" then
        value = "true"
      elseif value == nil then
        i = i + 1
        value = argv[i]
        if value == nil then
          return nil, ("option %s needs a value"):format(word)
        end
      end
      values[full] = value_of(spec, value)
    else
      args[#args + 1] = word
    end
    i = i + 1
  end
  local checked, problems = options.check(declared, values)
  if not checked then
    return nil, "--" .. options.describe(problems[1])
  end
  args.options = checked
  return args
end

local function run_command(name, argv)
  local command = M.command(name)
  for _, word in ipairs(argv) do
    if (word == "--help" or word == "-h") and not command.raw then
      return M.command("help").run({ name, options = {} })
    elseif word == "--" then
      break
    end
  end
  if command.raw then
    return command.run(argv)
  end
  local args, message = M.parse(command.options or {}, argv)
  if not args then
    return M.fail(("%s: %s"):format(name, message))
  end
  return command.run(args)
end

-- What `#!/usr/bin/env vernier` in the first line of a file gives as the first word.
local function is_benchmark_file(word)
  return word:find("/", 1, true) or word:match("%.lua$") or word:match("%.ya?ml$") or word:match("%.json$")
end

function M.main(...)
  local argv = { ... }
  local name = table.remove(argv, 1)
  if not name or name == "--help" or name == "-h" then
    return run_command("help", {})
  elseif name == "--version" or name == "-v" then
    print("vernier " .. M.version())
    return 0
  elseif not M.command(name) then
    if is_benchmark_file(name) then
      return run_command("run", { name, unpack(argv) })
    end
    local hint = near.hint(name, M.COMMANDS)
    return M.fail(('unknown command "%s"%s'):format(name, hint and " (" .. hint .. ")" or "; see vernier help"))
  end
  return run_command(name, argv)
end

return M
