-- Returns "en" if the request's Accept-Language names English before Chinese, else "zh"; as error_replies.py does.
local LONGEST_ACCEPT_LANGUAGE = 500

local function language_of(handle)
  local accepted = handle:headers():get("accept-language") or ""
  for element in accepted:sub(1, LONGEST_ACCEPT_LANGUAGE):lower():gmatch("[^,]+") do
    local primary = element:match("^%s*(%a+)")
    if primary == "en" or primary == "zh" then
      return primary
    end
  end
  return "zh"
end

