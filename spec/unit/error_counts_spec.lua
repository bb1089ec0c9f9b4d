-- Errors by class and message: what is counted, what is kept, what is taken.
local error_counts = require("vernier.error_counts")

describe("the errors of a load", function()
  it("are counted by class and message, with the first and the last instant, and taken once", function()
    local counts = error_counts.new()
    counts:count("timeout", "late", 5)
    counts:count("status", "500", 2)
    counts:count("timeout", "late", 9)
    counts:count("reset", "late", 3)
    assert.are.same({
      { class = "status", message = "500", count = 1, first_us = 2, last_us = 2 },
      { class = "reset", message = "late", count = 1, first_us = 3, last_us = 3 },
      { class = "timeout", message = "late", count = 2, first_us = 5, last_us = 9 },
    }, counts:take())
    assert.are.same({}, counts:take())
    counts:count("timeout", "late", 12)
    assert.are.same({ { class = "timeout", message = "late", count = 1, first_us = 12, last_us = 12 } }, counts:take())
  end)

  it("beyond 100 messages are counted by class, and none is lost", function()
    local counts, sum = error_counts.new(), 0
    for i = 1, 150 do
      counts:count("check", "message " .. i, i)
    end
    counts:count("reset", "one more", 151)
    counts:count("check", "message 7", 152) -- which is known
    local list, others = counts:take(), {}
    for _, entry in ipairs(list) do
      sum = sum + entry.count
      if entry.message == "(other messages)" then
        others[entry.class] = entry.count
      end
    end
    assert.are.same({ 152, 102, { check = 50, reset = 1 } }, { sum, #list, others })
  end)
end)
