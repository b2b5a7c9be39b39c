-- Checks the fields of a call before it is transcoded, and answers with the name of the first invalid one: the
-- transcoder ignores unknown fields of a body, and its errors name no field. Empty query parameters and a byte order
-- mark before the body are removed. fields.py prepends the locals that are not declared in this file.

local BYTE_ORDER_MARK = "\239\187\191"
local LONGEST_NAME = 64
local INT32 = 2 ^ 31
local INT64 = 2 ^ 63
-- In place of a field's name.
local MALFORMED = {}

-- The values that the transcoder accepts for a boolean in a query.
local BOOLEANS = {}
for word in ("true t yes y 1 false f no n 0"):gmatch("%w+") do
  BOOLEANS[word] = true
end

local function is_integer(text, limit)
  local number = text:match("^%-?%d+$") and tonumber(text)
  return number and number >= -limit and number < limit
end

local function is_time(text)
  local month, day, hour, minute, second, offset = text:match(
    "^%d%d%d%d%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)%.?%d*(.*)$")
  return offset ~= nil and (offset == "Z" or offset:match("^[+-]%d%d:%d%d$") ~= nil)
    and month >= "01" and month <= "12" and day >= "01" and day <= "31"
    and hour <= "23" and minute <= "59" and second <= "60"
end

-- Whether `text` is a value of the kind in Protobuf's JSON mapping, without quotes.
local HOLDS = {
  string = function() return true end,
  boolean = function(text) return BOOLEANS[text:lower()] end,
  int32 = function(text) return is_integer(text, INT32) end,
  int64 = function(text) return is_integer(text, INT64) end,
  time = is_time,
  -- Of a query's parameter that may be repeated.
  strings = function() return true end,
}

-- The position after the string that begins at `start`; nil when it has no end.
local function after_string(text, start)
  local at = start + 1
  while true do
    at = text:find('["\\]', at)
    if at == nil then
      return nil
    elseif text:sub(at, at) == '"' then
      return at + 1
    end
    at = at + 2
  end
end

-- The position after the JSON value that begins at `start`; nil when there is none.
local function after_value(text, start)
  local first = text:sub(start, start)
  if first == '"' then
    return after_string(text, start)
  elseif first ~= "{" and first ~= "[" then
    local _, last = text:find("^[%w.+-]+", start)
    return last and last + 1
  end
  local depth, at = 0, start
  while at ~= nil do
    at = text:find('["{}%[%]]', at)
    if at == nil then
      return nil
    end
    local mark = text:sub(at, at)
    if mark == '"' then
      at = after_string(text, at)
    else
      depth = depth + ((mark == "{" or mark == "[") and 1 or -1)
      at = at + 1
      if depth == 0 then
        return at
      end
    end
  end
end

local function is_list_of_strings(json)
  local at = json:match("^%[[ \t\r\n]*()")
  if at ~= nil and json:find("^%]$", at) then
    return true
  end
  while at ~= nil do
    local item_end = json:sub(at, at) == '"' and after_string(json, at) or nil
    if item_end == nil then
      return false
    elseif json:find("^[ \t\r\n]*%]$", item_end) then
      return true
    end
    at = json:match("^[ \t\r\n]*,[ \t\r\n]*()", item_end)
  end
  return false
end

local function is_of(kind, json)
  if json == "null" then
    return true
  elseif kind == "strings" then
    return is_list_of_strings(json)
  end
  local quoted = json:match('^"(.*)"$')
  if kind == "string" or kind == "time" then
    return quoted ~= nil and HOLDS[kind](quoted)
  end
  local number = tonumber(json)
  if number ~= nil and number == math.floor(number) then
    -- 30.0 and 3e1 are whole numbers, too.
    json = string.format("%.0f", number)
  end
  return HOLDS[kind](quoted or json)
end

-- Returns the name and the expected kind of the first invalid field of a JSON object; or MALFORMED if `text` is no JSON
-- object. The transcoder takes more than JSON, such as names without quotes, and would ignore unknown ones.
local function wrong_in_body(text, fields)
  if text:find("^[ \t\r\n]*$") then
    return nil
  end
  local at = text:match("^[ \t\r\n]*{[ \t\r\n]*()")
  if at ~= nil and text:find("^}[ \t\r\n]*$", at) then
    return nil
  end
  while at ~= nil do
    local key_end = text:sub(at, at) == '"' and after_string(text, at) or nil
    local value = key_end and text:match("^[ \t\r\n]*:[ \t\r\n]*()", key_end)
    local value_end = value and after_value(text, value)
    if not value_end then
      return MALFORMED
    end
    local name = text:sub(at + 1, key_end - 2)
    local kind = fields[name]
    if kind == nil or not is_of(kind, text:sub(value, value_end - 1)) then
      return name, kind or "unknown"
    elseif text:find("^[ \t\r\n]*}[ \t\r\n]*$", value_end) then
      return nil
    end
    at = text:match("^[ \t\r\n]*,[ \t\r\n]*()", value_end)
  end
  return MALFORMED
end

local function unescaped(text)
  local decode = function(digits) return string.char(tonumber(digits, 16)) end
  return (text:gsub("%+", " "):gsub("%%(%x%x)", decode))
end

-- Returns the path without empty parameters; or nil, the name and the expected kind of the first invalid parameter.
local function checked_path(path, fields)
  local before, query = path:match("^([^?]*)%?(.*)$")
  if query == nil then
    return path
  end
  local kept = {}
  for pair in query:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    name = unescaped(name)
    local kind = fields[name]
    if kind == nil then
      return nil, name, "unknown"
    elseif value ~= "" then
      if not HOLDS[kind](unescaped(value)) then
        return nil, name, kind
      end
      kept[#kept + 1] = pair
    end
  end
  return #kept == 0 and before or before .. "?" .. table.concat(kept, "&")
end

local function refuse(handle, name, kind)
  -- The name comes from the caller and is inserted into JSON.
  local shown = name:sub(1, LONGEST_NAME):gsub("[^%w_.$-]", "?")
  local language = language_of(handle)
  local sentence = string.format(sentences[kind][language], shown)
  local body = string.format(refusal, sentence, shown, sentence, handle:headers():get("x-request-id"))
  handle:streamInfo():dynamicMetadata():set(answered_namespace, answered_key, true)
  handle:respond({[":status"] = "400", ["content-type"] = "application/json"}, body)
end

local function check_body(handle, fields)
  local body = handle:body()
  if body == nil then
    return
  end
  local text = body:getBytes(0, body:length())
  if text:sub(1, #BYTE_ORDER_MARK) == BYTE_ORDER_MARK then
    text = text:sub(#BYTE_ORDER_MARK + 1)
    body:setBytes(text)
    if handle:headers():get("content-length") ~= nil then
      handle:headers():replace("content-length", tostring(#text))
    end
  end
  local name, kind = wrong_in_body(text, fields)
  if name == MALFORMED then
    -- Envoy's local reply has the body for this status.
    handle:respond({[":status"] = "400"}, "")
  elseif name ~= nil then
    refuse(handle, name, kind)
  end
end

local function check_query(handle, fields)
  local path = handle:headers():get(":path")
  local checked, name, kind = checked_path(path, fields)
  if checked == nil then
    refuse(handle, name, kind)
  elseif checked ~= path then
    handle:headers():replace(":path", checked)
  end
end

function envoy_on_request(handle)
  local route = handle:streamInfo():routeName()
  if body_fields[route] ~= nil then
    check_body(handle, body_fields[route])
  elseif query_fields[route] ~= nil then
    check_query(handle, query_fields[route])
  end
end
