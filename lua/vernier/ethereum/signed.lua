-- Signed transactions as texts that are kept until they are sent: for which opening of the connector and by which of its senders
-- they were signed, nonce, hash and the transaction itself. Fields of fixed width: reading one is a few substrings.
local M = {}

local FORMAT = "%08d%06d%016.0f%s%s"
local OPENING, SENDER, NONCE, HASH = 8, 14, 30, 96 -- where each field ends

function M.write(opening, sender, nonce, raw, hash)
  return FORMAT:format(opening, sender, nonce, hash, raw)
end

-- opening, sender, nonce, raw, hash; nil where it is no such text.
function M.read(text)
  local opening = #text > HASH and tonumber(text:sub(1, OPENING))
  if not opening then
    return nil
  end
  return opening, tonumber(text:sub(OPENING + 1, SENDER)), tonumber(text:sub(SENDER + 1, NONCE)), text:sub(HASH + 1),
    text:sub(NONCE + 1, HASH)
end

return M
