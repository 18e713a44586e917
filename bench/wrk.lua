-- Checks every answer and reports as JSON on the last line of stdout.
-- wrk ... -s wrk.lua URL -- BODY_FILE KEY STATUS EXPECTED_FILE (exact|like) LENGTH
--   exact: each body is the file's, byte for byte
--   like:  each body holds every line of the file, and has this length (0: any)
local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  wrk.method = "POST"
  wrk.body = read(arguments[1])
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. arguments[2]
  status_wanted = tonumber(arguments[3])
  expected = read(arguments[4])
  exact = arguments[5] == "exact"
  length_wanted = tonumber(arguments[6])
  parts = {}
  for line in expected:gmatch("[^\n]+") do
    table.insert(parts, line)
  end
  good, bad, bytes, fault = 0, 0, 0, ""
end

local function is_alike(body)
  if length_wanted > 0 and #body ~= length_wanted then
    return false
  end
  for _, part in ipairs(parts) do
    if not body:find(part, 1, true) then
      return false
    end
  end
  return true
end

function response(status, headers, body)
  if status == status_wanted and (exact and body == expected or not exact and is_alike(body)) then
    good = good + 1
  else
    bad = bad + 1
    if fault == "" then
      fault = status .. ": " .. body:sub(1, 300):gsub("[^\32-\126]", " ")
    end
  end
  bytes = bytes + #body
end

function done(summary, latency)
  local total = { good = 0, bad = 0, bytes = 0 }
  local told = ""
  for _, thread in ipairs(threads) do
    for name in pairs(total) do
      total[name] = total[name] + thread:get(name)
    end
    told = told .. thread:get("fault")
  end
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  print(string.format(
    '\n{"good":%d,"bad":%d,"body_bytes":%d,"broken":%d,"seconds":%.6f,'
      .. '"p50_us":%.1f,"p99_us":%.1f,"fault":"%s"}',
    total.good, total.bad, total.bytes, broken, summary.duration / 1e6,
    latency:percentile(50), latency:percentile(99), (told:gsub('[\\"]', "'"))))
end
