-- The mailbox: a folder in which this script and the daemon meet. Whole files appear by rename; a file is text, its
-- first line "sideman 1", then a message a line: address, OSC type tags, arguments, set off by tabs.

local HEAD = "sideman 1"
local SILENCE_S = 7
local MOST_A_READ = 16
-- Numbers that are looked for beyond the next one: a file that could not be written leaves a gap.
local AHEAD = 8
local ESCAPES = {["\\"] = "\\\\", ["\t"] = "\\t", ["\n"] = "\\n", ["\r"] = "\\r", ["\0"] = "?"}
local LETTERS = {["\\"] = "\\", t = "\t", n = "\n", r = "\r"}

local mail = {}

local function formatted (tag, value)
  if tag == "i" then return string.format ("%d", value) end
  if tag == "f" then return string.format ("%.17g", value):gsub (",", ".") .. "" end
  return (tostring (value):gsub ("[\\\t\n\r%z]", ESCAPES))
end

-- One message as a line.
function mail.line (address, tags, ...)
  local words = {address}
  if tags and tags ~= "" then
    words[2] = tags
    for index = 1, #tags do
      words[index + 2] = formatted (tags:sub (index, index), (select (index, ...)))
    end
  end
  return table.concat (words, "\t")
end

local function value_of (tag, text)
  if tag == "s" then return (text:gsub ("\\(.)", LETTERS)) end
  local number = tonumber (text)
  return number and (tag == "i" or tag == "h") and math.tointeger (number) or number
end

-- The address and the arguments of a line; nil for a line that is none.
function mail.parse (line)
  local words = {}
  for word in (line .. "\t"):gmatch ("(.-)\t") do words[#words + 1] = word end
  local tags = words[2] or ""
  if not words[1]:match ("^/") or #tags ~= math.max (0, #words - 2) then return nil end
  local arguments = {n = #tags}
  for index = 1, #tags do
    arguments[index] = value_of (tags:sub (index, index), words[index + 2])
    if arguments[index] == nil then return nil end
  end
  return words[1], arguments
end

local function content (path)
  local file = io.open (path, "rb")
  if not file then return nil end
  local text = file:read ("a")
  file:close ()
  return text
end

local function name (run, number)
  return string.format ("%09d-%09d", run, number)
end

-- A mailbox's end. clock returns seconds; it need not be the time of day.
function mail.box (folder, clock)
  local box = {folder = folder}
  local number, expected = 0, 1
  local beat, beat_at, daemon

  math.randomseed (os.time () + math.floor (clock () * 1000) % 1000003)

  -- Begin as a new script that nobody has heard of.
  function box.renew ()
    box.run = math.random (1, 999999999)
    number, expected = 0, 1
  end

  -- Look for the daemon; returns its run, or nil while there is none. What it says has numbers of its own run.
  function box.daemon ()
    local text = content (folder .. "/daemon.txt")
    local run = text and text:match ("^sideman 1\r?\n(%S+) ")
    if text ~= beat then
      beat, beat_at = text, clock ()
    end
    if run ~= daemon then
      daemon, expected = run, 1
    end
    return run and clock () - beat_at <= SILENCE_S and run or nil
  end

  -- Send lines as one file; returns whether that could be done.
  function box.send (lines)
    local path = folder .. "/to-sideman/" .. name (box.run, number + 1)
    local file = io.open (path .. ".part", "wb")
    if not file then return false end
    local good = file:write (HEAD, "\n", table.concat (lines, "\n"), "\n")
    good = file:close () and good and os.rename (path .. ".part", path .. ".txt")
    if not good then
      os.remove (path .. ".part")
      return false
    end
    number = number + 1
    return true
  end

  local function next_file ()
    for ahead = 0, AHEAD do
      local path = folder .. "/from-sideman/" .. name (box.run, expected + ahead) .. ".txt"
      local text = content (path)
      if text then
        expected = expected + ahead + 1
        os.remove (path)
        return text
      end
    end
    return nil
  end

  -- Hand what has come to take (address, arguments).
  function box.read (take)
    for _ = 1, MOST_A_READ do
      local text = next_file ()
      if not text then return end
      local head, body = text:match ("^(.-)\r?\n(.*)$")
      if head == HEAD then
        for line in body:gmatch ("([^\n]+)") do
          local address, arguments = mail.parse ((line:gsub ("\r$", "")))
          if address then take (address, arguments) end
        end
      end
    end
  end

  box.renew ()
  return box
end

return mail
