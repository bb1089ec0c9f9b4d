-- Privacy groups of a network file, by name: who sees the private transactions of that name.
--
--   {groupType = "legacy", privateFrom, privateFor = {…}}               the group is that of these members
--   {groupType = "pantheon" | "onchain", privateFrom, privacyGroupId}   the group was made before, by priv_createPrivacyGroup or
--                                                                       by its management contract
--
-- Keys are those of enclaves: 32 bytes in base64, none of them secret.
local named = require("vernier.ethereum.named")
local private_transaction = require("vernier.ethereum.private_transaction")

local M = {}

local function check_key(text)
  local key, message = private_transaction.key(text)
  return key and text, message
end

-- Of a group.
M.OPTIONS = {
  groupType = { type = "enum", values = { "legacy", "pantheon", "onchain" }, required = true,
    doc = "legacy: members by privateFor; pantheon, onchain: a group by its privacyGroupId" },
  privateFrom = { type = "string", required = true, convert = check_key, doc = "key of the node's own enclave" },
  privateFor = { type = "list", min = 1, of = { type = "string", convert = check_key }, doc = "keys of the other members" },
  privacyGroupId = { type = "string", convert = check_key, doc = "of a group that is there" },
  restriction = { type = "enum", values = { "restricted", "unrestricted" }, default = "restricted",
    doc = "restricted: the payload goes to members only; unrestricted, which Besu refuses: to all" },
}

local function lack(group)
  local wanted, other = "privacyGroupId", "privateFor"
  if group.groupType == "legacy" then
    wanted, other = other, wanted
  end
  if not group[wanted] then
    return ("of type %s needs %s"):format(group.groupType, wanted)
  elseif group[other] then
    return ("of type %s has no %s"):format(group.groupType, other)
  end
end

local function set_id(group)
  if group.privateFor then
    local members = { group.privateFrom }
    for i, key in ipairs(group.privateFor) do
      members[i + 1] = key
    end
    group.id = private_transaction.group_id(members)
  else
    group.id = group.privacyGroupId
  end
end

-- A convert function of vernier.options: groups by name, with their `id` (base64).
function M.check(groups)
  local checked, message = named.check("a group", groups, M.OPTIONS, lack)
  for _, group in pairs(checked or {}) do
    set_id(group)
  end
  return checked, message
end

-- What is wrong with a name, for groups by name.
function M.unknown(groups, name)
  if type(name) ~= "string" then
    return "privacy has to be the name of a group of the network file, not a " .. type(name)
  end
  return named.unknown("privacy group", groups, name)
end

return M
