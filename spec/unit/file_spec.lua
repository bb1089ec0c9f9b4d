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

  it("makes fingerprints: SHA-256 of known vectors, and a reason where it cannot", function()
    local hash, message, code = file.sha256(dir .. "/none")
    assert.is_nil(hash)
    assert.matches("/none: No such file", message, 1, true)
    assert.are.equal(NOENT, code)
    assert.is_nil((file.sha256(dir)))
    -- The examples of FIPS 180-2, appendix B, and the empty text.
    for text, expected in pairs({
      [""] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq =
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
      [("a"):rep(1000000)] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    }) do
      assert(file.write(dir .. "/f", text))
      assert.are.equal(expected, file.sha256(dir .. "/f"))
    end
  end)
end)
