-- GET /health: checks the gRPC health of each part at most once a second per worker, and names the unhealthy ones.
-- health.py prepends the locals that are not declared in this file.

-- The request is an empty HealthCheckRequest, the answer a HealthCheckResponse whose status is SERVING.
local EMPTY_MESSAGE = string.rep("\0", 5)
local SERVING = "\0\0\0\0\2\8\1"

local remembered = {at = -math.huge, states = nil}

local function check(handle, part, cluster, content_type)
  return handle:httpCall(cluster, {
    [":method"] = "POST",
    [":path"] = "/grpc.health.v1.Health/Check",
    [":authority"] = part.name,
    ["content-type"] = content_type,
    ["te"] = "trailers",
  }, EMPTY_MESSAGE, timeout_milliseconds)
end

-- Whether the part's health service on its operations port answers SERVING; it answers when the thread pool is full.
local function is_serving(handle, part)
  local headers, body = check(handle, part, part.operations, "application/grpc")
  return headers[":status"] == "200" and body == SERVING
end

-- Whether Envoy has a replica to send calls to. If it has none, it answers 503 itself, provided that the request is
-- not gRPC. What a replica answers, or how long a busy one takes, does not matter here.
local function is_sent_calls(handle, part)
  return check(handle, part, part.calls, "application/octet-stream")[":status"] ~= "503"
end

local function states_now(handle, now)
  if remembered.states == nil or now - remembered.at >= remember_milliseconds then
    -- Set before the calls, so that requests that arrive meanwhile are answered with the previous states.
    remembered.at = now
    local states = {}
    for index, part in ipairs(parts) do
      states[index] = is_serving(handle, part) and is_sent_calls(handle, part)
    end
    remembered.states = states
  end
  return remembered.states
end

local function answer(states, language, request_id)
  local listed, failed = {}, {}
  for index, part in ipairs(parts) do
    listed[index] = string.format('"%s":"%s"', part.name, states[index] and "ok" or "unavailable")
    if not states[index] then
      failed[#failed + 1] = part.name
    end
  end
  local common = string.format(
    '%s,"time":"%s","parts":{%s}', about, os.date("!%Y-%m-%dT%H:%M:%SZ"), table.concat(listed, ","))
  if #failed == 0 then
    return 200, string.format('{"status":"ok",%s}', common)
  end
  local names = table.concat(failed, ", ")
  return 503, string.format('{"status":"unavailable",%s,%s}', common, string.format(unavailable[language], names, names, request_id))
end

function envoy_on_request(handle)
  local now = tonumber(handle:timestampString(EnvoyTimestampResolution.MILLISECOND))
  local status, body = answer(states_now(handle, now), language_of(handle), handle:headers():get("x-request-id"))
  handle:streamInfo():dynamicMetadata():set(answered_namespace, answered_key, true)
  handle:respond({[":status"] = tostring(status), ["content-type"] = "application/json"}, body)
end
