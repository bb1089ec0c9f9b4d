-- YAML and JSON text as plain Lua values that know where they came from.
--
-- A mapping is a table by text keys, a sequence a list; aliases share one table, so nobody may change what was parsed.
-- A null in a mapping is an absent key (keys() still names it), in a sequence it is M.null. What the table itself cannot
-- say (kind, order of keys, places) is kept beside it and lives as long as the table.
--
-- Limits: bytes and depth in the C core; NODES_MAX and DEPTH_MAX count what aliases stand for.
local core = require("vernier.core.ffi")
local scalar = require("vernier.core.scalar")

local C, ffi = core.C, core.ffi

local M = { null = scalar.null, NODES_MAX = 1000000, DEPTH_MAX = C.VN_YAML_DEPTH_MAX, ERRORS_MAX = 100 }

local LINE = 2 ^ 20 -- a place is line * LINE + column
local about = setmetatable({}, { __mode = "k" }) -- table -> {kind, at, keys, key_at, value_at, anchored}

local function pack(line, column)
  return line * LINE + math.min(column, LINE - 1)
end

local function unpack_place(at)
  if at then
    return math.floor(at / LINE), at % LINE
  end
end

-- "mapping" or "sequence"; nil for an empty table that was not parsed: it can stand for both.
function M.kind(t)
  if about[t] then
    return about[t].kind
  elseif next(t) ~= nil then
    return #t > 0 and "sequence" or "mapping"
  end
end

-- Line and column of a key (or list index), or of the table itself without one; nil if it was not parsed.
function M.position(t, key)
  local a = about[t]
  if a then
    return unpack_place(key == nil and a.at or a.key_at[key])
  end
end

-- Line and column of the value under a key.
function M.value_position(t, key)
  local a = about[t]
  if a then
    return unpack_place(a.value_at[key])
  end
end

-- The keys of a mapping in file order, with those of null values; sorted if it was not parsed.
function M.keys(t)
  if about[t] then
    return about[t].keys
  end
  local keys = {}
  for key in pairs(t) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

-- Whether an anchor lies in the value under a key: such an entry may be there only to be referred to.
function M.anchored(t, key)
  return about[t] ~= nil and about[t].anchored[key] or false
end

-- A mapping of those in a list, where the first that has a key wins; its entries keep their places.
function M.overlay(tables)
  local result, first = {}, about[tables[1]]
  local a = { kind = "mapping", at = first and first.at, keys = {}, key_at = {}, value_at = {}, anchored = {} }
  for _, source in ipairs(tables) do
    local from, taken = about[source], {}
    for _, key in ipairs(a.keys) do
      taken[key] = true
    end
    for _, key in ipairs(M.keys(source)) do
      if not taken[key] then
        a.keys[#a.keys + 1], result[key] = key, source[key]
        a.key_at[key], a.value_at[key] = from and from.key_at[key], from and from.value_at[key]
      end
    end
  end
  about[result] = a
  return result
end

local function remember(kind, at)
  local t = {}
  about[t] = { kind = kind, at = at, keys = {}, key_at = {}, value_at = {}, anchored = {} }
  return t, about[t]
end

local Builder = {}
Builder.__index = Builder

local STOP = {} -- thrown when nothing more can be read

function Builder:fail(line, column, message, hint)
  local errors = self.errors
  errors[#errors + 1] = { line = line, column = column, message = message, hint = hint }
  if #errors >= M.ERRORS_MAX then
    error(STOP, 0)
  end
end

local HINTS = {
  { "mapping values are not allowed", "put quotes around a text with a colon, or check the indentation" },
  { "block sequence entries are not allowed", "begin the list on a line of its own" },
  { "end of stream", "it is opened here and never closed" },
  { "did not find expected", "check indentation, quotes and brackets here and in the lines above" },
}

local function line_of(text, number)
  local row = 1
  for content in (text .. "\n"):gmatch("(.-)\n") do
    if row == number then
      return content
    end
    row = row + 1
  end
  return ""
end

local function syntax_hint(message, text, line, column)
  if message:find("cannot start any token", 1, true) or message:find("a tab", 1, true) then
    local content = line_of(text, line)
    if content:find("^ *\t") then
      return "a tab cannot indent in YAML: use spaces"
    end
    return ('put quotes around a text that begins with "%s"'):format(content:sub(column, column))
  end
  for _, hint in ipairs(HINTS) do
    if message:find(hint[1], 1, true) then
      return hint[2]
    end
  end
end

-- The next node is in self.node afterwards; false at the end of the file.
function Builder:next()
  local node = self.node
  local rc = C.vn_yaml_next(self.handle, node)
  if rc < 0 then
    local message = ffi.string(C.vn_errmsg())
    self:fail(math.max(node.line, 1), math.max(node.column, 1), message,
      rc == C.VN_ESYNTAX and syntax_hint(message, self.text, node.line, node.column) or nil)
    self.errors[#self.errors].syntax = rc == C.VN_ESYNTAX
    error(STOP, 0)
  end
  return rc == 1
end

function Builder:scalar()
  local node = self.node
  local text = ffi.string(node.text, node.len)
  if node.tag ~= nil then
    local value, message = scalar.tagged(text, ffi.string(node.tag))
    if value == nil then
      self:fail(node.line, node.column, message)
      return text
    end
    return value
  end
  if node.plain == 1 then
    return scalar.resolve(text)
  end
  return text
end

local function check_collection_tag(self, node, kind)
  local tag = node.tag ~= nil and ffi.string(node.tag)
  if tag and tag ~= "!" and tag ~= "tag:yaml.org,2002:" .. kind then
    self:fail(node.line, node.column, ('unknown tag "%s"'):format(tag))
  end
end

local function known_anchors(self)
  local names = {}
  for name in pairs(self.anchors) do
    names[#names + 1] = "&" .. name
  end
  table.sort(names)
  return names[1] and "anchors so far: " .. table.concat(names, ", ", 1, math.min(#names, 8)) or nil
end

function Builder:alias()
  local node = self.node
  local name = ffi.string(node.text, node.len)
  local anchor = self.anchors[name]
  if not anchor then
    self:fail(node.line, node.column, ('alias "*%s" refers to no anchor above it'):format(name), known_anchors(self))
    return M.null, 1, 0
  elseif anchor.open then
    self:fail(node.line, node.column, ('alias "*%s" contains itself'):format(name))
    return M.null, 1, 0
  end
  return anchor.value, anchor.weight, anchor.height
end

function Builder:sequence(line, column)
  local t, a = remember("sequence", pack(line, column))
  local weight, height, n, any = 1, 0, 0, false
  while self:next() and self.node.kind ~= C.VN_YAML_END do
    n = n + 1
    local at = pack(self.node.line, self.node.column)
    local value, w, h, anchored = self:value()
    t[n], a.keys[n], a.key_at[n], a.value_at[n], a.anchored[n] = value, n, at, at, anchored
    weight, height, any = weight + w, math.max(height, h), any or anchored
  end
  return t, weight, height + 1, any
end

-- The text of a key, whether it merges, and nil if it is none that a table could have.
function Builder:key(line, column)
  local node = self.node
  if node.kind == C.VN_YAML_SCALAR and not (node.plain == 1 and node.len == 0) then
    local text = ffi.string(node.text, node.len)
    if node.anchor ~= nil then
      self.anchors[ffi.string(node.anchor)] = { value = text, weight = 1, height = 0 }
    end
    return text, node.plain == 1 and text == "<<"
  elseif node.kind == C.VN_YAML_ALIAS then
    local value = self:alias()
    if type(value) == "string" or type(value) == "number" then
      return tostring(value)
    end
  elseif node.kind ~= C.VN_YAML_SCALAR then
    self:value()
  end
  self:fail(line, column, "a key must be a text")
end

local function merge(t, a, source)
  local from = about[source]
  for _, key in ipairs(from.keys) do
    if not a.key_at[key] then
      a.keys[#a.keys + 1] = key
      t[key] = source[key]
      a.key_at[key], a.value_at[key], a.anchored[key] = from.key_at[key], from.value_at[key], from.anchored[key]
    end
  end
end

local function is_mapping(value)
  return type(value) == "table" and about[value].kind == "mapping"
end

-- `<<: *base` or `<<: [*first, *second]`: own keys win, then the first.
function Builder:merge_all(t, a, value, line, column)
  local sources = is_mapping(value) and { value } or value
  if type(sources) ~= "table" then
    return self:fail(line, column, '"<<" merges a mapping or a list of mappings')
  end
  for _, source in ipairs(sources) do
    if not is_mapping(source) then
      return self:fail(line, column, '"<<" merges a mapping or a list of mappings')
    end
    merge(t, a, source)
  end
end

function Builder:entry(t, a, key, key_at, value, value_at)
  local first_line, first_column = unpack_place(a.key_at[key])
  if first_line then
    local line, column = unpack_place(key_at)
    return self:fail(line, column, ('duplicate key "%s", first given at %d:%d'):format(key, first_line, first_column))
  end
  a.keys[#a.keys + 1] = key
  a.key_at[key], a.value_at[key] = key_at, value_at
  if value ~= M.null then
    t[key] = value
  end
end

function Builder:mapping(line, column)
  local t, a = remember("mapping", pack(line, column))
  local weight, height, any, merging, merging_at = 1, 0, false, nil, nil
  while self:next() and self.node.kind ~= C.VN_YAML_END do
    local key_line, key_column = self.node.line, self.node.column
    local key, merges = self:key(key_line, key_column)
    self:next()
    local value_line, value_column = self.node.line, self.node.column
    local value, w, h, anchored = self:value()
    weight, height, any = weight + w, math.max(height, h), any or anchored
    if merges and not merging_at then
      merging, merging_at = value, pack(value_line, value_column)
    elseif merges then
      self:fail(key_line, key_column, 'duplicate key "<<": merge a list instead, <<: [*a, *b]')
    elseif key then
      self:entry(t, a, key, pack(key_line, key_column), value, pack(value_line, value_column))
      a.anchored[key] = anchored
    end
  end
  if merging_at then
    self:merge_all(t, a, merging, unpack_place(merging_at))
  end
  return t, weight, height + 1, any
end

local READ = {
  [tonumber(C.VN_YAML_SEQUENCE)] = function(self, node, line, column)
    check_collection_tag(self, node, "seq")
    return self:sequence(line, column)
  end,
  [tonumber(C.VN_YAML_MAPPING)] = function(self, node, line, column)
    check_collection_tag(self, node, "map")
    return self:mapping(line, column)
  end,
  [tonumber(C.VN_YAML_SCALAR)] = function(self) return self:scalar(), 1, 0, false end,
  [tonumber(C.VN_YAML_ALIAS)] = Builder.alias,
}

-- The value that begins at the current node, how many nodes it stands for, how deep it is, whether it has an anchor.
function Builder:value()
  local node = self.node
  local line, column = node.line, node.column
  local name = node.anchor ~= nil and ffi.string(node.anchor) or nil
  local anchor = name and { open = true }
  if name then
    self.anchors[name] = anchor
  end
  self.depth = self.depth + 1
  local value, weight, height, anchored = READ[node.kind](self, node, line, column)
  self.depth = self.depth - 1
  if self.depth + height > M.DEPTH_MAX then
    self:fail(line, column, ("nested deeper than %d levels"):format(M.DEPTH_MAX))
    error(STOP, 0)
  end
  if weight > M.NODES_MAX then
    self:fail(line, column, ("more than %d nodes after aliases are followed"):format(M.NODES_MAX))
    error(STOP, 0)
  end
  if name then
    anchor.open, anchor.value, anchor.weight, anchor.height = false, value, weight, height
  end
  return value, weight, height, anchored or name ~= nil
end

function Builder:document()
  local value = M.null
  while self:next() do
    if self.node.kind == C.VN_YAML_DOCUMENT then
      self.documents = self.documents + 1
      if self.documents > 1 then
        self:fail(self.node.line, self.node.column, "a second document begins", "a file may hold one: remove the line ---")
        error(STOP, 0)
      end
    else
      value = self:value()
    end
  end
  return value
end

-- {value, file} or nil and a list of errors {file, line, column, message, hint, syntax = true where the text is no YAML}.
-- An empty file has the value nil.
function M.parse(text, file)
  local handle = C.vn_yaml_open(text, #text)
  if handle == nil then
    return nil, { { file = file, line = 1, column = 1, message = ffi.string(C.vn_errmsg()) } }
  end
  local builder = setmetatable({ handle = handle, text = text, node = ffi.new("vn_yaml_node"), anchors = {},
    errors = {}, depth = 0, documents = 0 }, Builder)
  local ok, value = pcall(builder.document, builder)
  C.vn_yaml_close(handle)
  if not ok and value ~= STOP then
    error(value, 0)
  end
  if #builder.errors > 0 then
    for _, e in ipairs(builder.errors) do
      e.file = file
    end
    return nil, builder.errors
  end
  return { file = file, value = value ~= M.null and value or nil }
end

return M
