-- Says something to the user.
local M = {
  where = "manager",
  options = { message = { type = "string", required = true, doc = "the text" } },
}

function M:run(ctx, options)
  ctx.log(options.message)
end

return M
