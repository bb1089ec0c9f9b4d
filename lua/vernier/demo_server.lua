-- The embedded system under test: a small bank over HTTP with settable service time, concurrency, failures and a stall.
--
--   POST /open {account, money}     200, or 409 if the account exists
--   POST or GET /query {account}    200 {account, money}, or 404; GET takes ?account=
--   POST /transfer {from, to, money}  200, or 404, or 409 if the money does not suffice
--                                   Bodies are JSON objects, or lists in this order, as the workload "simple" gives them.
--   GET / and /healthz, GET /stats  answered at once, outside all that is set
--
-- /stats tells how long requests were held, from their arrival to the reply: the truth that a client's service time is to
-- be compared with.
--
-- A request occupies one of `concurrency` places for its service time, which counts from its arrival where a place is
-- free; the others wait in order. During a stall requests are taken in, and answered when it is over.
local cjson = require("cjson")
local random = require("vernier.core.random")
local scheduler = require("vernier.scheduler")
local server = require("vernier.server")

local M = {}

local Demo = {}
Demo.__index = Demo

local SECOND = 1e9
local JSON, TEXT = "Content-Type: application/json\r\n", "Content-Type: text/plain\r\n"

-- ---- the bank: every operation gives status, body ----

local function failure(status, message)
  return status, '{"error":' .. cjson.encode(message) .. "}"
end

local function decode(body)
  local ok, value = pcall(cjson.decode, body)
  return ok and type(value) == "table" and value or nil
end

local function is_account(account)
  return type(account) == "string" and account ~= ""
end

local function is_money(money)
  return type(money) == "number" and money >= 0 and money < 2 ^ 53
end

local function describe_account(account, money)
  return ('{"account":%s,"money":%.14g}'):format(cjson.encode(account), money)
end

local bank = {}

function bank.open(accounts, args)
  local account, money = args.account, tonumber(args.money or 0)
  if not is_account(account) or not is_money(money) then
    return failure(400, "open needs {account, money}")
  elseif accounts[account] then
    return failure(409, "the account exists")
  end
  accounts[account] = money
  return 200, describe_account(account, money)
end

function bank.query(accounts, args)
  local account = args.account
  if not is_account(account) then
    return failure(400, "query needs {account}")
  elseif not accounts[account] then
    return failure(404, "no such account")
  end
  return 200, describe_account(account, accounts[account])
end

function bank.transfer(accounts, args)
  local from, to, money = args.from, args.to, tonumber(args.money)
  if not is_account(from) or not is_account(to) or not is_money(money) then
    return failure(400, "transfer needs {from, to, money}")
  elseif not accounts[from] or not accounts[to] then
    return failure(404, "no such account")
  elseif accounts[from] < money then
    return failure(409, "not enough money")
  end
  accounts[from] = accounts[from] - money
  accounts[to] = accounts[to] + money
  return 200, describe_account(from, accounts[from])
end

-- ---- routes ----

local function unescape(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

local function query_arguments(query)
  local args = {}
  for name, value in query:gmatch("([^&=]+)=([^&]*)") do
    args[unescape(name)] = unescape(value)
  end
  return args
end

local function by_name(args, names)
  if args[1] == nil then
    return args
  end
  local named = {}
  for i, name in ipairs(names) do
    named[name] = args[i]
  end
  return named
end

local function with_body(operation, names)
  return function(demo, body)
    local args = decode(body)
    if not args then
      return failure(400, "the body is no JSON object or list")
    end
    return operation(demo.accounts, by_name(args, names))
  end
end

local routes = {
  ["/open"] = { POST = with_body(bank.open, { "account", "money" }) },
  ["/transfer"] = { POST = with_body(bank.transfer, { "from", "to", "money" }) },
  ["/query"] = {
    POST = with_body(bank.query, { "account" }),
    GET = function(demo, _, query)
      return bank.query(demo.accounts, query_arguments(query))
    end,
  },
}

local pages = {}

pages["/"] = function()
  return TEXT, "vernier demo server: POST /open, /query, /transfer; GET /query, /stats, /healthz\n"
end

pages["/healthz"] = function()
  return TEXT, "ok\n"
end

pages["/stats"] = function(demo)
  return JSON, cjson.encode({ requests = demo.requests, answered = demo.answered, failed_on_purpose = demo.failed,
    active = demo.active, waiting = demo.n_waiting, connections = demo.server:connections(), accounts = demo:count(),
    held_ns = demo.held_ns })
end

local function execute(demo, job)
  if demo.failure_rate > 0 and demo.random() < demo.failure_rate then
    demo.failed = demo.failed + 1
    return failure(500, "failed on purpose")
  end
  return job.handler(demo, job.body, job.query)
end

-- ---- places, service times, the stall ----

local function answer(demo, job)
  local status, body = execute(demo, job)
  demo.answered = demo.answered + 1
  demo.held_ns = demo.held_ns + scheduler.now() - job.at_ns
  demo.server:reply(job.request, status, JSON, body)
end

local function release(demo, job)
  job.body = nil
  demo.spare[#demo.spare + 1] = job
  demo.active = demo.active - 1
end

local start_waiting

-- The service time is over.
local function finish(demo, job)
  local now = scheduler.now()
  if now >= demo.stall_from_ns and now < demo.stall_to_ns then
    scheduler.at(demo.stall_to_ns, job.finish)
    return
  end
  answer(demo, job)
  release(demo, job)
  start_waiting(demo)
end

local function start(demo, job, from_ns)
  demo.active = demo.active + 1
  local seconds = demo.latency and demo.latency(demo.random) or 0
  if seconds > 0 then
    scheduler.at(from_ns + seconds * SECOND, job.finish)
  else
    finish(demo, job)
  end
end

-- Finishing at once calls back into here, so only the outermost call loops.
function start_waiting(demo)
  if demo.starting then
    return
  end
  demo.starting = true
  while demo.n_waiting > 0 and demo.active < demo.concurrency do
    local job = demo.waiting[demo.first_waiting]
    demo.waiting[demo.first_waiting] = nil
    demo.first_waiting, demo.n_waiting = demo.first_waiting + 1, demo.n_waiting - 1
    start(demo, job, scheduler.now())
  end
  demo.starting = false
end

local function new_job(demo)
  local job = table.remove(demo.spare)
  if not job then
    job = {}
    job.finish = function()
      finish(demo, job)
    end
  end
  return job
end

local function admit(demo, job, at_ns)
  if demo.active < demo.concurrency and demo.n_waiting == 0 then
    start(demo, job, at_ns)
    return
  end
  demo.waiting[demo.first_waiting + demo.n_waiting] = job
  demo.n_waiting = demo.n_waiting + 1
end

-- ---- requests ----

local function reply_page(demo, request, method, page)
  if method ~= "GET" and method ~= "HEAD" then
    return demo.server:reply(request, 405, JSON .. "Allow: GET, HEAD\r\n", '{"error":"method not allowed"}')
  end
  local headers, body = page(demo)
  return demo.server:reply(request, 200, headers, body)
end

local function split(path)
  local name, query = path:match("^([^?]*)%?(.*)$")
  return name or path, query or ""
end

local function on_request(demo, request, method, path, body, at_ns)
  local query = ""
  if not routes[path] then
    path, query = split(path)
  end
  local route = routes[path]
  if not route then
    local page = pages[path]
    if page then
      return reply_page(demo, request, method, page)
    end
    return demo.server:reply(request, 404, JSON, '{"error":"no such path"}')
  end
  local handler = route[method]
  if not handler then
    return demo.server:reply(request, 405, JSON .. "Allow: POST\r\n", '{"error":"method not allowed"}')
  end
  demo.requests = demo.requests + 1
  local job = new_job(demo)
  job.request, job.handler, job.body, job.query, job.at_ns = request, handler, body, query, at_ns
  admit(demo, job, at_ns)
end

function Demo:count()
  local n = 0
  for _ in pairs(self.accounts) do
    n = n + 1
  end
  return n
end

-- Completes the arrival log: 0; or nil, message.
function Demo:close()
  return self.server:close()
end

-- options: host, port (0: any free one), latency (function(random) -> seconds), concurrency, failure_rate,
-- stall = {at, duration} in seconds from now, arrival_log (path), seed. The server with its port in .port; or nil, message.
function M.new(options)
  local stall = options.stall or { at = math.huge, duration = 0 }
  local demo = setmetatable({
    accounts = {}, requests = 0, answered = 0, failed = 0, active = 0, held_ns = 0,
    waiting = {}, first_waiting = 1, n_waiting = 0, spare = {},
    latency = options.latency, concurrency = options.concurrency or math.huge, failure_rate = options.failure_rate or 0,
    random = random.new(options.seed or 1),
  }, Demo)
  demo.stall_from_ns = scheduler.now() + stall.at * SECOND
  demo.stall_to_ns = demo.stall_from_ns + stall.duration * SECOND
  local message
  demo.server, message = server.new({ host = options.host, port = options.port, arrival_log = options.arrival_log },
    function(_, ...)
      on_request(demo, ...)
    end)
  if not demo.server then
    return nil, message
  end
  demo.port = demo.server.port
  return demo
end

return M
