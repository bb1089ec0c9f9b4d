-- Members of JSON objects, taken out of a text without a tree of the rest, the C half: src/json.c. What wants all of a text
-- decodes it by cjson.
local core = require("vernier.core.ffi")
local new_table = require("table.new")
local C, ffi = core.C, core.ffi

local M = {}

local cursor = ffi.new("uint32_t[1]")

local function text_of(value)
  if value.plain == 1 then
    return ffi.string(value.data + 1, value.len - 2)
  end
  return ffi.string(value.data, value.len)
end

local function is_null(value)
  return value.data == nil or value.len == 4 and value.plain == 0 and value.data[0] == 110 -- n
end

-- read(data, len) for texts, or pointers to so many bytes, that are an object or a list of objects: a list of tables with the
-- members of these names. Values are the contents of strings without escapes, and the JSON of all others; nil for null and where
-- there is none. Of a text that is something else: nil, message.
function M.reader(names)
  local n = #names
  local wanted, values = ffi.new("const char *[?]", n, names), ffi.new("vn_json_value[?]", n)
  return function(data, len)
    local list, count = {}, 0
    cursor[0] = 0
    local rc = C.vn_json_next(values, cursor, wanted, n, data, len)
    while rc == 1 do
      local record = new_table(0, n)
      for i = 1, n do
        if not is_null(values[i - 1]) then
          record[names[i]] = text_of(values[i - 1])
        end
      end
      count = count + 1
      list[count] = record
      rc = C.vn_json_next(values, cursor, wanted, n, data, len)
    end
    if rc < 0 then
      return nil, ffi.string(C.vn_errmsg())
    end
    return list
  end
end

local item = ffi.new("vn_json_value[1]")

-- The strings of a list, as contents and JSON as above; or nil, message.
function M.texts(data)
  local list, n = {}, 0
  cursor[0] = 0
  local rc = C.vn_json_next(item, cursor, nil, 0, data, #data)
  while rc == 1 do
    n = n + 1
    list[n] = text_of(item[0])
    rc = C.vn_json_next(item, cursor, nil, 0, data, #data)
  end
  if rc < 0 then
    return nil, ffi.string(C.vn_errmsg())
  end
  return list
end

return M
