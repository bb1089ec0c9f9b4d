-- What a run notes about the machine it ran on.
local process = require("vernier.core.process")

local M = {}

local function read(path)
  local f = io.open(path)
  if not f then
    return ""
  end
  local text = f:read("*a")
  f:close()
  return text
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
