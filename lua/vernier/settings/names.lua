-- From any spelling of a setting's name to its declaration. A stem is the name without its prefix.
local keys = require("vernier.settings.keys")
local near = require("vernier.near")

local M = {}

local by_stem, patterns, tables, stems, full_names, shorts = {}, {}, {}, {}, {}, {}

-- The stem of a name with prefix, or nil.
function M.stem(name)
  return name:match("^caliper%-(.+)$") or name:match("^vernier%-(.+)$")
end

local function escape(text)
  return (text:gsub("%p", "%%%0"))
end

for _, spec in ipairs(keys.list) do
  local stem = M.stem(spec.name)
  local before, after = stem:match("^(.*)<name>(.*)$")
  if before then
    patterns[#patterns + 1] = { pattern = "^" .. escape(before) .. "(.-)" .. escape(after) .. "$", spec = spec }
  else
    by_stem[stem] = spec
  end
  if spec.type == "table" then
    local pattern = "^(" .. escape(stem):gsub("%%<name%%>", ".-") .. ")%-(.+)$"
    tables[#tables + 1] = { pattern = pattern, spec = spec }
  end
  stems[#stems + 1], full_names[stem] = stem, spec.name
  for _, short in ipairs(spec.short or {}) do
    shorts[short] = stem
  end
end

-- caliper-report-path for "Caliper-Report_Path": what the command line and the environment may write.
function M.normalise(name)
  return (name:lower():gsub("_", "-"))
end

-- The stem behind --workers or -w.
function M.short(name)
  return shorts[name]
end

local function full_name(spec, stem)
  return spec.name:match("^%a+%-") .. stem
end

-- The declaration, the full name, and for an entry of a table setting (caliper-report-options-mode) the entry's name.
function M.find(stem)
  local spec = by_stem[stem]
  if spec then
    return spec, spec.name
  end
  for _, candidate in ipairs(patterns) do
    local middle = stem:match(candidate.pattern)
    if middle and middle ~= "" then
      return candidate.spec, full_name(candidate.spec, stem)
    end
  end
  for _, candidate in ipairs(tables) do
    local owner, entry = stem:match(candidate.pattern)
    if owner then
      return candidate.spec, full_name(candidate.spec, owner), entry
    end
  end
end

-- What to tell somebody who wrote a name that does not exist; name has its prefix.
function M.unknown(name)
  local stem = M.stem(name) or name
  local message = ('unknown setting "%s"'):format(name)
  local renamed = keys.renamed[stem] or keys.renamed[M.normalise(stem)]
  if renamed then
    return message, renamed
  end
  local meant = near.near(stem, stems)
  return message, meant and ("did you mean %s?"):format(full_names[meant]) or nil
end

return M
