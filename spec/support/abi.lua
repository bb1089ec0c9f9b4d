-- Data of the contract ABI, by hand.
local abi = require("vernier.ethereum.abi")

local M = {}

-- The 64 digits of a uint256.
function M.word(value)
  return (abi.encode({ "uint256" }, { value }):sub(3))
end

return M
