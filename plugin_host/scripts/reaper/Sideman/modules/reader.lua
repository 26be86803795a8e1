-- Reads tempo, meter, chords and drums of the project when something has changed, in slices, and tells what differs.

local use = ...
local notes, sources, time_map = use("notes"), use("sources"), use("time_map")

local Reader = {}
Reader.__index = Reader

local LOOK_S = 5.0 -- everything is read anew this often even if nothing told of a change
local QUIET_S = 0.2 -- a change is read when nothing more has changed for so long,
local LATEST_S = 1.0 -- or after so long: while the user drags something, not every step of it counts
local SLICES = 24 -- in a turn, at most
local SLICE_S = 0.00015 -- no further slice begins in a turn after so long

function Reader.new(send, say)
  return setmetatable({ send = send, say = say, told = {}, due = true, looked_at = -math.huge }, Reader)
end

-- Everything is told again: the daemon is another one, which knows nothing; or the project is, and the daemon knows
-- what the one before had: false stands for that.
function Reader:tell_all(is_other_project)
  local told = {}
  for item, text in pairs(is_other_project and self.told or {}) do
    if text ~= "" then
      told[item] = false
    end
  end
  self.told, self.due, self.work, self.map = told, true, nil, nil
end

-- Whether all that has changed has been told.
function Reader:is_idle()
  return not self.due and not self.work and not self.first_at
end

-- Notice what has changed.
function Reader:look(proj, now)
  local count = reaper.GetProjectStateChangeCount(proj)
  local upper, lower, bpm = reaper.TimeMap_GetTimeSigAtTime(proj, 0)
  local seen = table.concat({ count, upper, lower, bpm, reaper.CountTempoTimeSigMarkers(proj) }, " ")
  if seen ~= self.seen then
    self.due = self.due or self.seen == nil
    self.seen, self.changed_at, self.first_at = seen, now, self.first_at or now
  end
  local is_quiet = self.first_at and (now - self.changed_at >= QUIET_S or now - self.first_at >= LATEST_S)
  if self.due or is_quiet or now - self.looked_at > LOOK_S then
    self.due, self.looked_at, self.first_at = true, now, nil
  end
  if self.due and not self.work then
    self.due = false
    self.work = coroutine.create(function()
      self:read(proj)
    end)
  end
end

-- Some slices of reading; one at least.
function Reader:go_on(now)
  for _ = 1, SLICES do
    if not self.work then
      return
    end
    self:step()
    if reaper.time_precise() - now > SLICE_S then
      return
    end
  end
end

function Reader:step()
  local work = self.work
  local good, problem = coroutine.resume(work)
  if coroutine.status(work) == "dead" then
    self.work = nil
  end
  if not good then
    -- What was read may have been deleted meanwhile: the next look begins from the start.
    self.seen = nil
    if not tostring(problem):find("expected", 1, true) then
      error(problem, 0)
    end
  end
end

function Reader:read(proj)
  local pause = coroutine.yield
  local map = time_map.read(proj, pause, self.map)
  if map ~= self.map or self.told.tempo == false or self.told.meter == false then
    self.map = map
    pause()
    self:tell_map()
  end
  pause()
  local roles = sources.tracks(proj, pause)
  pause()
  self:read_chords(proj, roles[sources.CHORDS], pause)
  pause()
  self:read_drums(proj, roles[sources.DRUMS], pause)
end

function Reader:tell_map()
  local map, lines = self.map, {}
  for index, point in ipairs(map.tempos) do
    local line = { "/sideman/tempo/at", "ffi", point[1], point[2], point[3] and 1 or 0 }
    lines[index] = index == 1 and { "/sideman/tempo", "f", point[2] } or line
  end
  self:tell("tempo", lines)
  lines = {}
  for index, point in ipairs(map.meters) do
    local line = { "/sideman/meter/at", "iii", point[2], point[3], point[4] }
    lines[index] = index == 1 and { "/sideman/meter", "ii", point[3], point[4] } or line
  end
  if self:tell("meter", lines) and map.off then
    self.say(("The bars from bar %d on are not as in REAPER: its meter has no like in sixteenths."):format(map.off))
  elseif map.cut then
    self.say("The tempo map has too many points: the last ones are left out.")
  end
end

-- The notes of CHORDS; without such a track, regions or markers that are named as chords.
function Reader:read_chords(proj, track, pause)
  if track then
    local played, ends = notes.of_track(proj, track, pause)
    if #played > 0 then
      local text = notes.chord_text(played, pause)
      self:tell("chords", { { "/sideman/chords/notes", "sf", text, ends } }, "/sideman/chords/clear")
      return
    end
  end
  local markers = sources.chord_markers(proj, pause)
  local message = #markers > 0 and { { "/sideman/chords/markers", "s", notes.lines(markers) } } or {}
  self:tell("chords", message, "/sideman/chords/clear")
end

function Reader:read_drums(proj, track, pause)
  local lines = {}
  if track then
    local played, ends = notes.of_track(proj, track, pause)
    if #played > 0 then
      local names = notes.names(proj, track, played, pause)
      local text = notes.drum_text(played, pause)
      lines = { { "/sideman/drums/notes", "ssf", text, notes.lines(names), ends } }
    end
  end
  self:tell("drums", lines, "/sideman/drums/clear")
end

-- Send what differs from what was told last; a source that is gone is cleared, one that never was is not.
function Reader:tell(item, lines, clear)
  local text = {}
  for index, line in ipairs(lines) do
    text[index] = table.concat(line, "\t")
  end
  local all = table.concat(text, "\n")
  if self.told[item] == all or (all == "" and self.told[item] == nil) then
    return false
  end
  for _, line in ipairs(#lines > 0 and lines or { { clear } }) do
    if not self.send(table.unpack(line)) then
      self.told[item], self.due = false, true
      return false
    end
  end
  self.told[item] = all
  return true
end

return Reader
