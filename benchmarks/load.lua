-- wrk's side of a measurement: wrk … -s load.lua URL -- HEAD TEMPLATE LINES FIRST COUNT NUMBER ACCEPT
--
-- HEAD is a file with the request's first line and headers. TEMPLATE is a file with the body, in which @LINE@ is
-- replaced by the next line of the file LINES (COUNT lines from line FIRST + 1 on, in a circle), and @N@ by a number
-- that counts on from NUMBER. An answer counts as right if its status is 2xx and it contains the text ACCEPT.

local threads = {}

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function split(template)
  local parts, from = {}, 1
  while true do
    local first, last = template:find("@%u+@", from)
    parts[#parts + 1] = template:sub(from, (first or 0) - 1)
    if not first then
      return parts
    end
    parts[#parts + 1] = template:sub(first, last)
    from = last + 1
  end
end

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  head, template = read(args[1]), split(read(args[2]))
  lines = {}
  for line in io.lines(args[3]) do
    lines[#lines + 1] = line
  end
  first, count, number, accept = tonumber(args[4]), tonumber(args[5]), tonumber(args[6]), args[7]
  -- wrk asks for one request that it does not send.
  sent, right, wrong, example = -1, 0, 0, ""
end

function request()
  local line = count > 0 and lines[(first + math.max(sent, 0) % count) % #lines + 1] or ""
  local values = { ["@LINE@"] = line, ["@N@"] = string.format("%d", number + sent) }
  sent = sent + 1
  local parts = {}
  for place, part in ipairs(template) do
    parts[place] = values[part] or part
  end
  local body = table.concat(parts)
  return string.format("%sContent-Length: %d\r\n\r\n%s", head, #body, body)
end

function response(status, headers, body)
  if status >= 200 and status < 300 and body:find(accept, 1, true) then
    right = right + 1
  else
    wrong = wrong + 1
    example = status .. " " .. body:sub(1, 300)
  end
end

function done(summary, latency, requests)
  local thread, errors = threads[1], summary.errors
  io.write(string.format("\n@answered %d\n@sent %d\n@right %d\n@wrong %d\n@seconds %f\n@p50_ms %f\n@p99_ms %f\n@broken %d\n@late %d\n@example %s\n",
    summary.requests, thread:get("sent"), thread:get("right"), thread:get("wrong"), summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, errors.connect + errors.read + errors.write,
    errors.timeout, thread:get("example")))
end
