local file = require("vernier.core.file")

local ACCES, EXIST, NOENT = -16, -18, -17

describe("file", function()
  local dir

  before_each(function()
    dir = os.tmpname()
    os.remove(dir)
    assert(file.mkdir(dir))
  end)

  after_each(function()
    os.execute("rm -rf " .. dir)
  end)

  it("makes folders with their parents, and again", function()
    assert(file.mkdir(dir .. "/a/b/c"))
    assert(file.mkdir(dir .. "/a/b/c"))
    assert.are.equal("folder", file.kind(dir .. "/a/b/c"))
    assert(file.write(dir .. "/a/f", "x"))
    assert.are.equal(EXIST, select(3, file.mkdir(dir .. "/a/f")))
    assert.is_nil((file.mkdir(dir .. "/a/f/g")))
    assert.is_nil((file.mkdir("")))
  end)

  it("tells files, folders and others apart", function()
    assert(file.write(dir .. "/f", ""))
    assert.are.equal("file", file.kind(dir .. "/f"))
    assert.are.equal("folder", file.kind(dir))
    assert.are.equal("other", file.kind("/dev/null"))
    local kind, message, code = file.kind(dir .. "/none")
    assert.is_nil(kind)
    assert.are.equal(NOENT, code)
    assert.matches(dir .. "/none", message, 1, true)
    assert.is_true(file.exists(dir))
    assert.is_false(file.exists(dir .. "/none"))
  end)

  it("knows whether a file can be written, and leaves no trace", function()
    assert(file.writable(dir .. "/new"))
    assert(file.writable(dir .. "/not/yet/there/new"))
    assert(file.writable("/dev/null"))
    assert.are.same({}, file.list(dir))
    assert(file.write(dir .. "/f", "text"))
    assert(file.writable(dir .. "/f"))
    assert.are.equal("text", file.read(dir .. "/f"))
    assert.are.same({ "f" }, file.list(dir))
  end)

  it("knows where no file can be written", function()
    assert(file.write(dir .. "/f", ""))
    for _, path in ipairs({ dir, dir .. "/", dir .. "/f/g", "/proc/vernier/x", "" }) do
      local ok, message = file.writable(path)
      assert.is_nil(ok)
      assert.is_string(message)
    end
  end)

  it("respects permissions", function()
    local id = io.popen("id -u")
    local root = id:read("*l") == "0"
    id:close()
    if root then
      pending("root may write everywhere")
      return
    end
    os.execute("chmod 500 " .. dir)
    assert.are.equal(ACCES, select(3, file.writable(dir .. "/f")))
    assert.are.equal(ACCES, select(3, file.write(dir .. "/f", "x")))
  end)

  it("lists names sorted by bytes, however many", function()
    local names = {}
    for i = 1, 3000 do
      names[i] = ("%04d-"):format(i) .. ("x"):rep(40)
      io.open(dir .. "/" .. names[i], "w"):close()
    end
    assert.are.same(names, file.list(dir))
    assert.are.equal(NOENT, select(3, file.list(dir .. "/none")))
  end)

  it("replaces a whole file, through links, without leavings", function()
    assert(file.write(dir .. "/f", ("x"):rep(100000)))
    assert(file.write(dir .. "/f", "short"))
    assert.are.equal("short", file.read(dir .. "/f"))
    os.execute("ln -s f " .. dir .. "/link")
    assert(file.write(dir .. "/link", "through"))
    assert.are.equal("through", file.read(dir .. "/f"))
    assert.are.same({ "f", "link" }, file.list(dir))
    local binary = "a\0b\255"
    assert(file.write(dir .. "/f", binary))
    assert.are.equal(binary, file.read(dir .. "/f"))
  end)

  it("does not replace devices, and says when they are full", function()
    assert(file.write("/dev/null", "x"))
    assert.are.equal("other", file.kind("/dev/null"))
    local ok, message, code = file.write("/dev/full", "x")
    assert.is_nil(ok)
    assert.are.equal(-5, code)
    assert.matches("No space left", message)
    assert.is_nil((file.write(dir, "x")))
    assert.is_nil((file.write(dir .. "/no/folder", "x")))
  end)

  it("resolves paths and removes", function()
    assert(file.write(dir .. "/f", ""))
    os.execute("ln -s f " .. dir .. "/link")
    assert.are.equal(file.realpath(dir) .. "/f", file.realpath(dir .. "/link"))
    assert.is_nil((file.realpath(dir .. "/none")))
    assert(file.remove(dir .. "/link"))
    assert.are.equal(NOENT, select(3, file.remove(dir .. "/link")))
  end)
end)
