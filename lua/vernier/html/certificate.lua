-- The certificate of a run as HTML: the verdict, the reasons, all checks.
local calibrations = require("vernier.calibration")
local format = require("vernier.format")
local template = require("vernier.html.template")

local M = {}

local fill, escape = template.fill, template.escape

local CLASSES = { VALID = "ok", SUSPECT = "warn", INVALID = "bad" }

local MEANING = {
  VALID = "Nothing was observed that casts doubt on these numbers.",
  SUSPECT = "The numbers were measured under circumstances that may have distorted them.",
  INVALID = "What was measured is not what was asked for: do not compare these numbers.",
}

function M.badge(verdict, text)
  return fill('<span class="badge {class}">{text}</span>', { class = CLASSES[verdict], text = text or verdict })
end

-- ---- the checks ----

local UNITS = {
  ns = format.duration,
  share = function(share)
    return ("%.3g %%"):format(share * 100)
  end,
}

local function column(title, name, class)
  return { title = title, class = class, cell = function(check)
    local value = check[name]
    return value and escape((UNITS[check.unit] or tostring)(value)) or ""
  end }
end

local function plain(title, name)
  return { title = title, class = "text", cell = function(check)
    return escape(check[name] or "")
  end }
end

local CHECKS = {
  plain("Test", "test"), plain("Worker", "worker"), plain("Check", "name"), column("Value", "value"), column("Limit", "limit"),
  { title = "Verdict", class = "text", cell = function(check)
    return M.badge(check.verdict)
  end },
}

local function all_checks(checks)
  if #checks == 0 then
    return ""
  end
  return fill("<details><summary>All {n} checks</summary>{=table}</details>",
    { n = #checks, table = template.table(CHECKS, checks) })
end

local function list_of(reasons)
  local items = {}
  for i, reason in ipairs(reasons) do
    items[i] = "<li>" .. escape(reason) .. "</li>"
  end
  return #items > 0 and "<ul>" .. table.concat(items) .. "</ul>" or ""
end

local ROWS = {
  { title = "Error bar of this machine", class = "text", cell = function(row) return escape(row[1]) end },
  { title = "", class = "text", cell = function(row) return escape(row[2]) end },
}

local function error_bar(calibration, reason)
  if not calibration then
    return fill("<p>The error bar of this machine is {none}.</p>", { none = calibrations.none(reason) })
  end
  return template.table(ROWS, calibrations.rows(calibration))
    .. fill("<p>Calibrated on {made} with vernier {version}.</p>", { made = calibration.made or "?",
      version = calibration.version or "?" })
end

-- certificate: see vernier.results.certificate; calibration: a checked one (vernier.calibration), or nil and the reason.
function M.section(certificate, calibration, reason)
  return fill([[
<section class="card" id="certificate"><div class="round-head"><div><h2>Certificate</h2><p>{text}</p></div>
{=badge}</div>{=reasons}{=checks}{=error_bar}</section>
]], {
    text = MEANING[certificate.verdict], badge = M.badge(certificate.verdict), reasons = list_of(certificate.reasons),
    checks = all_checks(certificate.checks), error_bar = error_bar(calibration, reason),
  })
end

return M
