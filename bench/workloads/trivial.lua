-- The smallest workload.
return { run = function(_, ctx) ctx.sut:send("ping") end }
