-- The sizes in which a scenario is run, with the groups and roles of their workers:
--   clusters:
--   - {size: 4, groups: {server: 1, client: 3}, roles: {leader: 0, follower: "1..3"}}
--   - {scale: {from: 3, to: 9, inc: 3}, groups: [{name: server, size: "#{cluster.size / 3}"}, {name: client, size: …}]}
--
-- Workers are handed to groups in their order: that of the file, or of the names where a script gives a mapping, which
-- has no order. A role is a set of workers (indices), across groups.
local scope = require("vernier.scope")
local section = require("vernier.config.section")
local values = require("vernier.config.values")
local yaml = require("vernier.core.yaml")

local M = { SIZE_MAX = 10000 }

local CLUSTER = { known = { "size", "scale", "groups", "roles" } }
local SCALE = { known = { "from", "to", "inc" } }
local GROUP = { known = { "name", "size" } }
local NAME = "^[%w_-]+$"

local function check_name(findings, place, what, name)
  if type(name) == "string" and name:find(NAME) then
    return true
  end
  findings:error(place, ("the name of a %s must be made of letters, digits, - and _"):format(what))
end

-- Sections of the entries that groups: has, as {name, size = owner and key of the size, place}.
local function listed_groups(context, list)
  local result = {}
  for i = 1, #list do
    if not section.is_mapping(list[i]) then
      context.findings:error({ list, i, "value" }, "a group must be an object with a name and a size")
    else
      local group = section.open(context.findings, list[i], GROUP, "group: ")
      result[#result + 1] = { name = group:get("name"), owner = group, key = "size", place = group:place("name") }
    end
  end
  return result
end

local function mapped_groups(context, mapping)
  local result = {}
  local owner = section.open(context.findings, mapping, { free = true }, "group ")
  for _, name in ipairs(yaml.keys(mapping)) do
    result[#result + 1] = { name = name, owner = owner, key = name, place = { mapping, name } }
  end
  return result
end

-- The names of the groups, each once, and where their sizes stand; nil if the cluster has none.
local function declared_groups(context, cluster)
  local groups = cluster:get("groups")
  if groups == nil then
    return nil
  elseif type(groups) ~= "table" then
    return cluster:error("groups", '"groups" must be a mapping of names to sizes, or a list of {name, size}')
  end
  local declared = section.is_mapping(groups) and mapped_groups(context, groups) or listed_groups(context, groups)
  local result, seen = {}, {}
  for _, group in ipairs(declared) do
    if check_name(context.findings, group.place, "group", group.name) then
      if seen[group.name] then
        context.findings:error(group.place, ('group "%s" is given twice'):format(group.name))
      else
        seen[group.name], result[#result + 1] = true, group
      end
    end
  end
  return result
end

local function default_groups(size)
  return { { name = "default", size = size, first = 0 } }
end

local function groups_of(cluster, declared, size)
  if not declared then
    return default_groups(size)
  end
  local groups, first, known = {}, 0, scope.new({ ["cluster.size"] = size })
  for i, group in ipairs(declared) do
    local n = values.whole(group.owner, group.key, known, { min = 1, max = M.SIZE_MAX })
    if not n then
      return nil
    end
    groups[i] = { name = group.name, size = n, first = first }
    first = first + n
  end
  if first ~= size then
    return cluster:error("groups", ("the groups have %d workers, the cluster has %d"):format(first, size))
  end
  return groups
end

local function roles_of(context, cluster, size)
  local mapping, roles = cluster:mapping("roles"), {}
  local owner = section.open(context.findings, mapping, { free = true }, "role ")
  local known = scope.new({ ["cluster.size"] = size })
  for _, name in ipairs(yaml.keys(mapping)) do
    if check_name(context.findings, { mapping, name }, "role", name) then
      roles[name] = values.ranges(owner, name, known)
      for _, index in ipairs(roles[name] or {}) do
        if index >= size then
          owner:error(name, ('"%s": there is no worker %d in a cluster of %d'):format(name, index, size),
            ("workers are 0 to %d"):format(size - 1))
          break
        end
      end
    end
  end
  return roles
end

local function scaled_sizes(context, cluster)
  local scale = section.open(context.findings, cluster:mapping("scale"), SCALE, "scale: ")
  local limits = { min = 1, max = M.SIZE_MAX }
  local from, to = values.whole(scale, "from", scope.new({}), limits), values.whole(scale, "to", scope.new({}), limits)
  local inc = scale:get("inc") == nil and 1 or values.whole(scale, "inc", scope.new({}), limits)
  local sizes = {}
  for size = from or 1, from and to and inc and to or 0, inc or 1 do
    sizes[#sizes + 1] = size
  end
  if #sizes == 0 and from and to and inc then
    scale:error("to", ('"to" of %d is less than "from" of %d'):format(to, from))
  end
  return sizes
end

local function sizes_of(context, cluster)
  if cluster:get("scale") ~= nil and cluster:get("size") ~= nil then
    cluster:error("scale", '"size" and "scale" exclude each other')
  elseif cluster:get("scale") ~= nil then
    return scaled_sizes(context, cluster)
  elseif cluster:get("size") == nil then
    cluster:error(nil, 'a cluster must have a "size" or a "scale"', "- size: 2")
  else
    return { values.whole(cluster, "size", scope.new({}), { min = 1, max = M.SIZE_MAX }) }
  end
  return {}
end

local function add_clusters(context, clusters, entry, seen)
  local cluster, errors = section.open(context.findings, entry, CLUSTER, ""), context.findings.errors
  local declared = declared_groups(context, cluster)
  if context.findings.errors > errors then
    return
  end
  for _, size in ipairs(sizes_of(context, cluster)) do
    local before = context.findings.errors
    local groups, roles = groups_of(cluster, declared, size), roles_of(context, cluster, size)
    if seen[size] then
      cluster:error("size", ("a cluster of %d is given twice"):format(size), "the size is what cells are named by")
    elseif groups then
      local line, column = yaml.position(entry)
      seen[size] = true
      clusters[#clusters + 1] = { size = size, groups = groups, roles = roles, position = { line = line, column = column } }
    end
    if context.findings.errors > before then
      break
    end
  end
end

-- Of a file that says nothing about its workers: one group of n.
function M.single(n)
  return { { size = n, groups = default_groups(n), roles = {} } }
end

-- The size of the largest cluster.
function M.largest(clusters)
  local largest = 0
  for _, cluster in ipairs(clusters) do
    largest = math.max(largest, cluster.size)
  end
  return largest
end

-- The clusters (vernier.config.benchmark) of a scenario file; problems go to the context's findings.
function M.read(context, root)
  local list, clusters = root:get("clusters"), {}
  if list == nil then
    return M.single(context.workers or 1)
  elseif context.workers then
    root:error("clusters", "the number of workers is that of the clusters",
      ("--only size=%d runs one size"):format(context.workers))
  end
  if not section.is_list(list) or #list == 0 then
    root:error("clusters", '"clusters" must be a list of sizes', "- size: 2")
    return M.single(1)
  end
  local seen = {}
  for i = 1, #list do
    if section.is_mapping(list[i]) then
      add_clusters(context, clusters, list[i], seen)
    else
      context.findings:error({ list, i, "value" }, "a cluster must be an object with a size", "- size: 2")
    end
  end
  return clusters
end

return M
