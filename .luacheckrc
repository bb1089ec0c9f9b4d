-- luacheck: LuaJIT only, no globals of our own.
std = "luajit"
max_line_length = 130
max_cyclomatic_complexity = 15
codes = true

-- Hooks have fixed signatures: M:run(ctx) that needs no ctx is no mistake.
self = false
unused_args = false

files["spec"] = { std = "+busted", max_line_length = 150 }
-- The benchmark files that are Lua, and scripts started by `vernier lua`, read the words of their command line.
read_globals = { "arg" }
files["lua/vernier/cli.lua"] = { globals = { "arg" } }
files["lua/vernier/cli/*.lua"] = { globals = { "arg" } }
files["spec/support/busted.lua"] = { globals = { "arg" } }
