-- Programs in C of the benchmarks, compiled into the workspace.
local work = require("support.work")

-- name: of support/NAME.c; sources: files of src that it needs, too. Returns the program's path.
return function(name, sources)
  local src, program = work.bench .. "/../src", work.dir .. "/" .. name
  local words = { os.getenv("CC") or "cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", '-DVN_VERSION="bench"', "-I" .. src, "-o",
    program, work.bench .. "/support/" .. name .. ".c" }
  for _, source in ipairs(sources or {}) do
    words[#words + 1] = src .. "/" .. source
  end
  words[#words + 1] = "-lm"
  work.run("compile", words, { seconds = 60 })
  return program
end
