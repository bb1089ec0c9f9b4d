local by = require("vernier.by")

describe("by", function()
  it("sorts by the first member in which two tables differ", function()
    local list = { { size = 2, name = "b", n = 1 }, { size = 10, name = "a", n = 2 }, { size = 2, name = "a", n = 3 },
      { size = 2, name = "a", n = 4 } }
    table.sort(list, by("size", "name", "n"))
    local order = {}
    for i, item in ipairs(list) do
      order[i] = item.n
    end
    assert.are.same({ 3, 4, 1, 2 }, order)
  end)

  it("tells equal ones apart from none", function()
    local same = by("name")
    assert.is_false(same({ name = "a", n = 1 }, { name = "a", n = 2 }))
    assert.is_true(same({ name = "a" }, { name = "b" }))
    assert.is_false(same({ name = "b" }, { name = "a" }))
  end)
end)
