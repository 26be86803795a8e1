-- Messages as text in files: what the mailbox carries. Pure.
--
-- A file is UTF-8. Its first line is "sideman 1"; each line after it is a message: address, type tags (i, f, s), and
-- the arguments, set off by tabs. In text, backslash, tab, line feed and carriage return are escaped.

local mail = {}

mail.HEAD = "sideman 1"
mail.MOST_BYTES = 1 << 20
mail.MOST_MESSAGES = 1024

local ESCAPES = { ["\\"] = "\\\\", ["\t"] = "\\t", ["\n"] = "\\n", ["\r"] = "\\r", ["\0"] = "?" }
local UNESCAPED = { ["\\"] = "\\", t = "\t", n = "\n", r = "\r" }

-- Text as valid UTF-8: a byte that is none becomes a question mark.
function mail.clean(text)
  local parts, at = {}, 1
  while at <= #text do
    local length, bad = utf8.len(text, at)
    if length then
      parts[#parts + 1] = text:sub(at)
      break
    end
    parts[#parts + 1] = text:sub(at, bad - 1) .. "?"
    at = bad + 1
  end
  return table.concat(parts)
end

function mail.number(value)
  local text = string.format("%.17g", value):gsub(",", ".")
  return text
end

local function argument(tag, value)
  if tag == "i" then
    return string.format("%d", math.tointeger(value) or math.floor(value + 0.5))
  elseif tag == "f" then
    return mail.number(value)
  end
  return (mail.clean(tostring(value)):gsub("[\\\t\n\r\0]", ESCAPES))
end

-- One message as a line. `tags` has a letter for each argument.
function mail.line(address, tags, ...)
  local parts = { address }
  if tags and tags ~= "" then
    parts[2] = tags
    for index = 1, #tags do
      parts[index + 2] = argument(tags:sub(index, index), (select(index, ...)))
    end
  end
  return table.concat(parts, "\t")
end

-- Lines as a file.
function mail.file(lines, first, last)
  return mail.HEAD .. "\n" .. table.concat(lines, "\n", first or 1, last or #lines) .. "\n"
end

local function unescape(text)
  local good = true
  local plain = text:gsub("\\(.?)", function(letter)
    if not UNESCAPED[letter] then
      good = false
    end
    return UNESCAPED[letter]
  end)
  return good and plain or nil
end

local CONSTANTS = { T = true, F = false }

local function value_of(tag, text)
  if tag == "i" or tag == "h" then
    return math.tointeger(tonumber(text))
  elseif tag == "f" or tag == "d" then
    local number = tonumber(text)
    return number and number + 0.0
  elseif tag == "s" then
    return unescape(text)
  end
  return CONSTANTS[tag]
end

-- A line as { address = ..., tags = ..., [1] = ..., n = ... }; nil for one that is no message.
function mail.message(line)
  local parts = {}
  for part in (line .. "\t"):gmatch("([^\t]*)\t") do
    parts[#parts + 1] = part
  end
  local tags = parts[2] or ""
  if not parts[1]:match("^/[\33-\126]+$") or #parts ~= (tags == "" and math.min(#parts, 2) or #tags + 2) then
    return nil
  end
  local message = { address = parts[1], tags = tags, n = #tags }
  for index = 1, #tags do
    local value = value_of(tags:sub(index, index), parts[index + 2])
    if value == nil then
      return nil
    end
    message[index] = value
  end
  return message
end

-- The messages of a file; nil for a file that is none, or is not whole.
function mail.messages(data)
  local head, rest = data:match("^([^\n]*)\n(.*)$")
  if not head or head:gsub("\r$", "") ~= mail.HEAD or #data > mail.MOST_BYTES or not (rest == "" or rest:sub(-1) == "\n") then
    return nil
  end
  local messages = {}
  for line in rest:gmatch("([^\n]*)\n") do
    local message = mail.message((line:gsub("\r$", "")))
    if not message or #messages >= mail.MOST_MESSAGES then
      return nil
    end
    messages[#messages + 1] = message
  end
  return messages
end

return mail
