-- The border between the two halves: what the FFI believes about vernier.h is what the C compiler made of it.
--
-- A program made from the header prints every constant, size and offset; no number is typed by hand here. A struct that
-- LuaJIT lays out too small would otherwise be an overrun that no compiler sees.
local ffi = require("ffi")
local core = require("vernier.core.ffi")
local support = require("spec.support")

local function header()
  local result = support.run({ "cc", "-E", "-P", "-DVN_CDEF", "src/vernier.h" })
  assert(result.status == 0, result.stderr)
  return result.stdout
end

-- { name = {field…} } of all structs with a body; "double a, b[N], *c" declares a, b and c.
local function structs(text)
  local found = {}
  for body, name in text:gmatch("typedef%s+struct%s+[%w_]+%s*(%b{})%s*([%w_]+)%s*;") do
    local fields = {}
    for declaration in body:sub(2, -2):gmatch("[^;]+;?") do
      for part in declaration:gsub(";", ""):gmatch("[^,]+") do
        fields[#fields + 1] = part:gsub("%b[]", ""):match("([%w_]+)%s*$")
      end
    end
    found[name] = fields
  end
  return found
end

local function constants(text)
  local found = {}
  for body in text:gmatch("enum%s*[%w_]*%s*(%b{})") do
    for part in body:sub(2, -2):gmatch("[^,]+") do
      found[#found + 1] = part:match("^%s*([%w_]+)")
    end
  end
  return found
end

local function functions(text)
  local found = {}
  for name in text:gmatch("([%w_]+)%s*%b()%s*;") do
    found[#found + 1] = name
  end
  return found
end

local PROGRAM = [[
#include <stdio.h>
#include "vernier.h"
#define SIZE(type) printf("%s %zu\n", #type, sizeof(type));
#define OFFSET(type, field) printf("%s.%s %zu\n", #type, #field, offsetof(type, field));
#define VALUE(name) printf("%s %lld\n", #name, (long long)name);
int main(void) {
]]

-- What the C compiler says: { ["vn_event"] = size, ["vn_event.tag"] = offset, ["VN_ABI"] = value }.
local function facts(text)
  local lines = { PROGRAM }
  for name, fields in pairs(structs(text)) do
    lines[#lines + 1] = ("SIZE(%s)\n"):format(name)
    for _, field in ipairs(fields) do
      lines[#lines + 1] = ("OFFSET(%s, %s)\n"):format(name, field)
    end
  end
  for _, name in ipairs(constants(text)) do
    lines[#lines + 1] = ("VALUE(%s)\n"):format(name)
  end
  lines[#lines + 1] = "return 0;\n}\n"
  local dir = support.workspace({ ["abi.c"] = table.concat(lines) })
  local built = support.run({ "cc", "-std=gnu11", "-Isrc", "-o", dir .. "/abi", dir .. "/abi.c" })
  assert(built.status == 0, built.stderr)
  local values = {}
  for name, value in support.run({ dir .. "/abi" }).stdout:gmatch("(%S+) (%S+)\n") do
    values[name] = tonumber(value)
  end
  return values
end

describe("vernier.h", function()
  local text, c

  setup(function()
    text = header()
    c = facts(text)
  end)

  it("has the ABI number that the Lua half was built for", function()
    assert.are.equal(c.VN_ABI, tonumber(core.C.vn_abi()))
    assert.are.equal(c.VN_ABI, tonumber(core.C.VN_ABI))
  end)

  it("gives every struct the same size and every field the same place in C and in the FFI", function()
    local n = 0
    for name, fields in pairs(structs(text)) do
      assert.are.equal(c[name], ffi.sizeof(name), "sizeof " .. name)
      for _, field in ipairs(fields) do
        assert.are.equal(c[name .. "." .. field], (ffi.offsetof(name, field)), name .. "." .. field)
        n = n + 1
      end
    end
    assert.is_true(n > 50, "only " .. n .. " fields were found: does the spec still understand the header?")
  end)

  it("gives every constant the same value", function()
    local names = constants(text)
    assert.is_true(#names > 20)
    for _, name in ipairs(names) do
      assert.are.equal(c[name], tonumber(core.C[name]), name)
    end
  end)

  it("declares nothing that the binary does not export", function()
    local names = functions(text)
    assert.is_true(#names > 50)
    local missing = {}
    for _, name in ipairs(names) do
      if not pcall(function()
        return core.C[name]
      end) then
        missing[#missing + 1] = name
      end
    end
    assert.are.same({}, missing)
  end)

  it("passes no struct by value, no function pointer and no varargs", function()
    assert.is_nil(text:match("%(%s*%*"), "function pointer")
    assert.is_nil(text:find("...", 1, true), "varargs")
    for name in pairs(structs(text)) do
      assert.is_nil(text:match("%f[%w_]" .. name .. "%s+vn_[%w_]+%s*%("), name .. " is returned by value")
      assert.is_nil(text:match("[%(,]%s*" .. name .. "%s+[%w_]+[,%)]"), name .. " is passed by value")
    end
  end)

  it("gives every error code a text and a name of its own", function()
    local seen = {}
    for _, name in ipairs(constants(text)) do
      if name:match("^VN_E[A-Z]+$") and c[name] < 0 then
        local message = core.strerror(c[name])
        assert.are_not.equal("unknown error", message, name)
        assert.is_nil(seen[message], name)
        seen[message] = true
      end
    end
    assert.are.equal("unknown error", core.strerror(-9999))
    assert.are.equal("unknown error", core.strerror(1))
    assert.are.equal("ok", core.strerror(0))
  end)
end)
