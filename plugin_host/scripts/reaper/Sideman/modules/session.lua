-- The session with the daemon: greeting it, hearing it, and the cycle in which everything happens.
--
-- A cycle does a bounded amount of work: some files, one clip. Reading is done in slices between cycles. Nothing blocks.

local use = ...
local Mailbox, Placer, Reader, Song = use("mailbox"), use("placing"), use("reader"), use("song")
local places, wishes = use("places"), use("wishes")

local Session = {}
Session.__index = Session

local VERSION = "2" -- of what this script and the daemon say to each other
local GREET_S = 2.0
local SAY_S = 0.4 -- the status changes at most this often while a clip is made
local WAIT_S = 10.0 -- a wish waits so long for the daemon, or for what has changed to be read
local NO_DAEMON_S = 5.0
local MOST_SAID = 300
local MOST_HOMES = 256
local TAKEN = "daw_taken"

function Session.new(folder)
  local self = setmetatable({
    folder = folder, mailbox = Mailbox.new(folder), run = "", began_at = reaper.time_precise(),
    greeted_at = -math.huge, said_at = -math.huge, pending = {}, homes = {}, home_order = {}, told_user = {},
  }, Session)
  local function send(...)
    return self.mailbox:send(...)
  end
  local function say(text)
    self:say(text)
  end
  self.send = send
  self.song = Song.new(send)
  self.reader = Reader.new(send, say)
  self.placer = Placer.new(send, say, function(text)
    self:tell_user(text)
  end, function(id)
    return self.homes[id]
  end)
  self.answers = Session.answers(self)
  return self
end

-- The cycle

function Session:tick(now)
  wishes.alive(now)
  for _, wish in ipairs(wishes.take()) do
    table.insert(self.pending, { wish = wish, since = now })
  end
  local proj = reaper.EnumProjects(-1)
  if self.mailbox:look(now) then
    for _, message in ipairs(self.mailbox:receive()) do
      local answer = self.answers[message.address]
      if answer then
        answer(message, now, proj)
      end
    end
    self:greet(now)
  end
  self:watch_daemon(now)
  if self.run ~= "" then
    self:tell_project(proj, now)
    self.placer:tick(proj)
  end
  self:fulfil(proj, now)
  self.mailbox:flush()
end

-- What is done between two cycles: reading goes on, a little in each turn of REAPER's main loop.
function Session:turn(now)
  if self.run ~= "" then
    self.reader:go_on(now)
  end
end

function Session:greet(now)
  if now - self.greeted_at >= GREET_S and self.send("/sideman/daw", "ss", "REAPER", VERSION) then
    self.greeted_at = now
  end
end

function Session:watch_daemon(now)
  if self.mailbox.there then
    self.missed = false
    return
  end
  if self.run ~= "" then
    self.run, self.began_at, self.missed = "", now, true
    self.greeted_at = -math.huge
    self:say("The daemon does not answer any more. Your project is as it was.")
  elseif not self.missed and now - self.began_at > NO_DAEMON_S then
    self.missed = true
    self:tell_user(self:no_daemon())
  end
end

function Session:no_daemon()
  return ("No daemon meets this script in %s. Run: sideman serve --host reaper"):format(self.folder)
end

-- What has changed; after another project tab is chosen, all of it.
function Session:tell_project(proj, now)
  if proj ~= self.proj then
    self.reader:tell_all(self.proj ~= nil)
    self.song:tell_all()
    self.proj = proj
  end
  self.reader:look(proj, now)
  self.song:tick(proj, self.reader.map and self.reader.map.meters, now)
end

-- What the daemon says

function Session.answers(self)
  local function on(pattern, format)
    return function(message)
      if message.tags:match(pattern) then
        self:say(format(message))
      end
    end
  end
  return {
    ["/sideman/hosting"] = function(message)
      if message.tags == "si" then
        self:on_hosting(message[1], message[2])
      end
    end,
    ["/sideman/place"] = function(message)
      if self.run ~= "" then
        self.placer:take(self.run, message)
      end
    end,
    ["/sideman/error"] = function(message)
      if message.tags == "sss" then
        self:on_error(message[2], message[3])
      end
    end,
    ["/sideman/accepted"] = function(message, _, proj)
      if message.tags == "si" then
        self:remember(message[1], proj)
        self:say(message[1] .. " waits its turn")
      end
    end,
    ["/sideman/progress"] = function(message, now)
      if message.tags:match("^s[fd]$") and now - self.said_at >= SAY_S then
        self:say(("%s: %d %%"):format(message[1], math.floor(100 * message[2])))
      end
    end,
    ["/sideman/notice"] = on("^sss$", function(message)
      return message[3]
    end),
    ["/sideman/cancelled"] = on("^s$", function(message)
      return message[1] .. " is cancelled"
    end),
    ["/sideman/superseded"] = on("^ss$", function(message)
      return message[1] .. " gives way to " .. message[2]
    end),
    ["/sideman/kept"] = on("^sis$", function(message)
      return ("take %d of %s is kept"):format(message[2] + 1, message[1])
    end),
  }
end

function Session:on_hosting(run, hosts)
  if run == self.run then
    return
  end
  self.run, self.refused = run, false
  self.mailbox:forget()
  self.placer:serve(run)
  self.send("/sideman/subscribe")
  self.proj = nil
  local text = hosts ~= 0 and "" or ", which places no clips in REAPER: it was started without --host reaper"
  self:say("Connected to the daemon" .. text)
end

function Session:on_error(code, message)
  if code ~= TAKEN then
    self:say(message)
    return
  end
  self.run = ""
  if not self.refused then
    self.refused = true
    self:tell_user(message)
  end
end

-- The project that a request was made in: its clips go there, whichever tab is chosen when they are ready.
function Session:remember(id, proj)
  if self.homes[id] == nil then
    table.insert(self.home_order, id)
  end
  self.homes[id] = proj
  if #self.home_order > MOST_HOMES then
    self.homes[table.remove(self.home_order, 1)] = nil
  end
end

-- Wishes

-- A wish waits until the daemon is there and has been told what the user sees.
function Session:fulfil(proj, now)
  while #self.pending > 0 do
    local first = self.pending[1]
    local ready = self.run ~= "" and self.reader:is_idle()
    if not ready and now - first.since < WAIT_S then
      return
    end
    table.remove(self.pending, 1)
    if self.run == "" then
      self:tell_user(self.refused and "Another DAW is connected to the daemon." or self:no_daemon())
    else
      self:carry_out(proj, first.wish, now)
    end
  end
end

function Session:carry_out(proj, wish, now)
  if wish.address == "/wish/generate" then
    self:generate(proj, now)
  elseif wish.address == "/wish/prompt" and wish.tags == "ssss" then
    self:prompt(proj, wish, now)
  elseif wish.address == "/wish/next" then
    self.send("/sideman/next")
  elseif wish.address == "/wish/cancel" then
    self.send("/sideman/cancel")
  elseif wish.address == "/wish/keep" then
    self:keep(proj)
  end
end

function Session:generate(proj, now)
  local meters = self.reader.map and self.reader.map.meters
  local _, _, why = Song.wanted(proj, meters or { { 0, 1, 4, 4 } })
  if why then
    self:tell_user(why)
    return
  end
  self.song:tick(proj, meters, now)
  self.send("/sideman/generate")
end

function Session:prompt(proj, wish, now)
  local bars, takes = math.tointeger(tonumber(wish[2])), math.tointeger(tonumber(wish[3]))
  self.send("/sideman/prompt", "s", wish[1])
  if takes then
    self.send("/sideman/takes", "i", takes)
  end
  if wish[4] ~= "" then
    self.send("/sideman/engine", "s", wish[4])
  end
  if not bars then
    self:generate(proj, now)
    return
  end
  self.song:tick(proj, self.reader.map and self.reader.map.meters, now)
  self.send("/sideman/bars", "i", bars)
  self.song.told.bars = nil
  self.send("/sideman/generate")
end

-- The take that is heard of the first selected item of ours; without one, the last that was made.
function Session:keep(proj)
  for index = 0, reaper.CountSelectedMediaItems(proj) - 1 do
    local take = reaper.GetActiveTake(reaper.GetSelectedMediaItem(proj, index))
    local found, tag = false, ""
    if take then
      found, tag = reaper.GetSetMediaItemTakeInfo_String(take, places.TAG, "", false)
    end
    local id, number = tag:match("^(%S+) (%d+)$")
    if found and id then
      self.send("/sideman/keep", "si", id, math.tointeger(tonumber(number)))
      return
    end
  end
  self.send("/sideman/keep")
end

-- Out

-- A line in the status bar; it is no hindrance, and goes by itself.
function Session:say(text)
  self.said_at = reaper.time_precise()
  reaper.Help_Set("Sideman: " .. text:sub(1, MOST_SAID), true)
end

-- What needs the user: in the console too, where it stays. The same words once in a minute at most.
function Session:tell_user(text)
  self:say(text)
  local now = reaper.time_precise()
  if not self.told_user[text] or now - self.told_user[text] > 60 then
    self.told_user = { [text] = now }
    reaper.ShowConsoleMsg("Sideman: " .. text .. "\n")
  end
end

-- REAPER closes, or the script is ended.
function Session:close()
  self.placer:close()
  self.send("/sideman/daw/bye")
  self.mailbox:flush()
  wishes.gone()
end

return Session
