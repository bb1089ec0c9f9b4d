-- An empty event for sysbench.
-- luacheck: globals event
function event() end
