-- Every layer rule catches what it is for, and the sources keep all of them.
local support = require("spec.support")

local function check(files)
  return support.run({ "spec/support/layers.sh", support.workspace(files) })
end

local CASES = {
  { "FFI outside the core", "lua/vernier/round.lua", '-- x\nlocal ffi = require("ffi")\n', "may use the FFI" },
  { "FFI in a plug-in", "connectors/a.lua", "-- x\nlocal c = require 'vernier.core.ffi'\n", "may use the FFI" },
  { "core above itself", "lua/vernier/core/a.lua", '-- x\nrequire("vernier.round")\n', "knows nothing above" },
  { "plug-in on plug-in", "workloads/a.lua", '-- x\nrequire("connectors.http")\n', "plug-ins do not require" },
  { "reporter on stage", "lua/vernier/reporters/a.lua", '-- x\nrequire("vernier.stages.b")\n', "do not require each" },
  { "runtime on command line", "lua/vernier/round.lua", '-- x\nrequire("vernier.cli.run")\n', "the command line" },
  { "module()", "lua/vernier/round.lua", '-- x\nmodule("x")\n', "no module" },
  { "lua.h", "src/a.c", "/* x */\n#include <lua.h>\n", "only main.c" },
  { "libuv in a pure file", "src/histogram.c", "/* x */\n#include <uv.h>\n", "pure file" },
  { "the loop in a parser", "src/http_parser.c", '/* x */\n#include "loop.h"\n', "parser is pure" },
  { "varargs", "src/vernier.h", "/* x */\nint vn_log(const char *text, ...);\n", "no varargs" },
  { "bit-field", "src/vernier.h", "/* x */\nstruct a {\n  int b : 3;\n};\n", "bit-fields" },
  { "machine path", "examples/a.lua", '-- x\nlocal p = "/home/somebody"\n', "somebody's machine" },
  { "open end", "src/a.c", "/* x */\n/* TO" .. "DO: more */\n", "open end" },
  { "tab", "src/a.c", "/* x */\n\tint a;\n", "no tab" },
  { "no header in C", "src/a.c", "int a;\n", "begins with what it is for" },
  { "no header in Lua", "lua/vernier/a.lua", "return {}\n", "begins with what it is for" },
  { "no header in a script", "bench/a.sh", "#!/bin/sh\nset -e\n", "begins with what it is for" },
  { "a long file", "src/a.c", "/* x */\n" .. ("int a;\n"):rep(700), "two nouns" },
}

describe("layers.sh", function()
  for _, case in ipairs(CASES) do
    it("catches " .. case[1], function()
      local r = check({ [case[2]] = case[3] })
      assert.are.equal(1, r.status, r.stdout)
      assert.is_truthy(r.stdout:find(case[4], 1, true), r.stdout)
      assert.are.equal(1, r.stdout:find(case[2] .. ":", 1, true), r.stdout)
    end)
  end

  it("lets the core use the FFI, main.c use Lua, the files on the loop use libuv", function()
    local r = check({
      ["lua/vernier/core/a.lua"] = '-- x\nlocal core = require("vernier.core.ffi")\nrequire("ffi")\n',
      ["src/main.c"] = "/* x */\n#include <lua.h>\n",
      ["src/loop.c"] = "/* x */\n#include <uv.h>\n",
      ["src/http_client.c"] = '/* x */\n#include "stream.h"\n',
      ["lua/vernier/cli/run.lua"] = '-- x\nrequire("vernier.cli.options")\n',
    })
    assert.are.same({ 0, "", "" }, { r.status, r.stdout, r.stderr })
  end)
end)
