-- Values as one line of JSON. A table with a first element, or with none at all and marked so, is a list.

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', function(letter)
    return ESCAPES[letter] or ("\\u%04x"):format(letter:byte())
  end) .. '"'
end

local function encode(value)
  local kind = type(value)
  if kind == "table" then
    local parts = {}
    if #value > 0 or value.is_list then
      for index, one in ipairs(value) do
        parts[index] = encode(one)
      end
      return "[" .. table.concat(parts, ",") .. "]"
    end
    for key, one in pairs(value) do
      parts[#parts + 1] = quoted(tostring(key)) .. ":" .. encode(one)
    end
    return "{" .. table.concat(parts, ",") .. "}"
  elseif kind == "string" then
    return quoted(value)
  elseif kind == "number" then
    return math.type(value) == "integer" and ("%d"):format(value) or ("%.17g"):format(value)
  elseif kind == "boolean" then
    return tostring(value)
  end
  return "null"
end

return encode
