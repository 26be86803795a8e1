-- The folder in which this script and the daemon meet. Each side writes whole files by rename, and nothing blocks.
--
-- While the daemon is not there nothing is written. It is there when the counter in daemon.txt has been seen to rise,
-- and has risen in the last seven seconds.

local use = ...
local mail = use("mail")

local Mailbox = {}
Mailbox.__index = Mailbox

local SILENCE_S = 7.0
local NAMES_A_POLL = 400
local FILES_A_POLL = 16
local MOST_QUEUED = 8192
local MOST_KNOWN = 4096
local ABSENT = 2 -- the C library's number for a file that is not there

-- This run's number: two programs that start at the same moment have others, by where their tables lie.
local function new_run()
  local place = tonumber(tostring({}):match("(%x+)$") or "0", 16)
  local moment = math.floor(reaper.time_precise() * 1e6)
  math.randomseed((moment ~ place ~ os.time() * 2654435761) & 0x7fffffff)
  for _ = 1, 4 do
    math.random()
  end
  return string.format("%09d", math.random(1, 999999999))
end

function Mailbox.new(folder)
  return setmetatable({
    folder = folder,
    run = new_run(),
    number = 0,
    queue = {},
    there = false,
    found = {},
    at = 0,
    handled = {},
    handled_count = 0,
  }, Mailbox)
end

-- Whether the daemon is there; what was queued for one that is gone is dropped, because all of it is told again.
function Mailbox:look(now)
  local file, _, code = io.open(self.folder .. "/daemon.txt", "rb")
  local text = file and file:read(200)
  if file then
    file:close()
  end
  if text and text:match("^sideman 1\r?\n%x+ %d+") then
    if self.beat and text ~= self.beat then
      self.risen_at = now
    end
    self.beat = text
  elseif not file and code == ABSENT then
    self.risen_at, self.beat = nil, nil
  end
  self.there = self.risen_at ~= nil and now - self.risen_at <= SILENCE_S
  if not self.there then
    self.queue = {}
  end
  return self.there
end

-- Queue a message; false while the daemon is not there, or does not keep up.
function Mailbox:send(address, tags, ...)
  if not self.there or #self.queue >= MOST_QUEUED then
    return false
  end
  self.queue[#self.queue + 1] = mail.line(address, tags, ...)
  return true
end

local function fits(lines)
  local bytes, last = #mail.HEAD + 1, 0
  while last < #lines and last < mail.MOST_MESSAGES and bytes + #lines[last + 1] + 1 <= mail.MOST_BYTES do
    last = last + 1
    bytes = bytes + #lines[last] + 1
  end
  return last
end

-- Write what is queued. What cannot be written now stays queued; a message that fits no file is dropped.
function Mailbox:flush()
  while #self.queue > 0 do
    local last = fits(self.queue)
    if last > 0 and not self:write(mail.file(self.queue, 1, last)) then
      return false
    end
    self.queue = table.move(self.queue, math.max(last, 1) + 1, #self.queue, 1, {})
  end
  return true
end

function Mailbox:write(data)
  local name = string.format("%s/to-sideman/%s-%09d", self.folder, self.run, self.number + 1)
  local file = io.open(name .. ".part", "wb")
  if not file then
    return false
  end
  local written = file:write(data)
  written = file:close() and written
  if not written or not os.rename(name .. ".part", name .. ".txt") then
    os.remove(name .. ".part")
    return false
  end
  self.number = self.number + 1
  return true
end

-- The messages that have come, in order, of some files. Other names are passed over, however many there are.
function Mailbox:receive()
  local folder = self.folder .. "/from-sideman"
  if self.at == 0 then
    reaper.EnumerateFiles(folder, -1) -- the folder is read anew
    self.found = {}
  end
  for _ = 1, NAMES_A_POLL do
    local name = reaper.EnumerateFiles(folder, self.at)
    if not name or name == "" then
      self.at = 0
      return self:open(folder)
    end
    self.at = self.at + 1
    if name:match("^(%d%d%d%d%d%d%d%d%d)%-%d%d%d%d%d%d%d%d%d%.txt$") == self.run and not self.handled[name] then
      self.found[#self.found + 1] = name
    end
  end
  return {}
end

function Mailbox:open(folder)
  table.sort(self.found)
  local messages = {}
  for index = 1, math.min(#self.found, FILES_A_POLL) do
    local name = self.found[index]
    local file = io.open(folder .. "/" .. name, "rb")
    if file then
      local data = file:read(mail.MOST_BYTES + 1) or ""
      file:close()
      local read = mail.messages(data)
      if not read or not os.remove(folder .. "/" .. name) then
        self:pass_over(name)
      end
      table.move(read or {}, 1, read and #read or 0, #messages + 1, messages)
    end
  end
  return messages
end

-- A file that cannot be read or removed is left where it is, and not looked at again.
function Mailbox:pass_over(name)
  if self.handled_count >= MOST_KNOWN then
    self.handled, self.handled_count = {}, 0
  end
  self.handled[name] = true
  self.handled_count = self.handled_count + 1
end

-- A new run of the daemon counts its files from 1 again.
function Mailbox:forget()
  self.handled, self.handled_count = {}, 0
end

return Mailbox
