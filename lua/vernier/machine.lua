-- What a run notes about the machine it ran on.
local file = require("vernier.core.file")
local process = require("vernier.core.process")

local M = {}

local function read(path)
  return file.read(path) or ""
end

-- {cores, cpu, kernel, os, memory (bytes)}
function M.describe()
  local kib = read("/proc/meminfo"):match("MemTotal:%s*(%d+)")
  return {
    cores = process.cores(),
    cpu = read("/proc/cpuinfo"):match("model name%s*:%s*([^\n]+)"),
    kernel = read("/proc/sys/kernel/osrelease"):match("[^\n]+"),
    os = read("/etc/os-release"):match('PRETTY_NAME="([^"]*)"'),
    memory = kib and tonumber(kib) * 1024,
  }
end

return M
