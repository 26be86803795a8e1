-- Transport and time selection, told when they change. Cheap enough to be looked at in every cycle.

local use = ...
local time_map = use("time_map")

local Song = {}
Song.__index = Song

local RESYNC_S = 2.0 -- while the song plays its position is told this often, and at once when it jumps
local JUMP_S = 0.2
local GRID = 960 -- beats that are nearly on this grid are put on it: REAPER's times are seconds
local MOST_BARS = 512
local PLAYING, PAUSED = 1, 2

function Song.new(send)
  return setmetatable({ send = send, told = {}, anchor = 0, anchored_at = -math.huge }, Song)
end

function Song:tell_all()
  self.told, self.playing = {}, nil
end

local function on_grid(qn)
  local near = math.floor(qn * GRID + 0.5) / GRID
  return math.max(0, math.abs(near - qn) < 1e-6 and near or qn)
end

-- The time selection, else the loop while Repeat is on: beats from and to, or nothing.
function Song.range(proj)
  local from, to = reaper.GetSet_LoopTimeRange2(proj, false, false, 0, 0, false)
  if to <= from and reaper.GetSetRepeatEx(proj, -1) == 1 then
    from, to = reaper.GetSet_LoopTimeRange2(proj, false, true, 0, 0, false)
  end
  if to <= from then
    return nil, nil
  end
  return on_grid(reaper.TimeMap_timeToQN_abs(proj, from)), on_grid(reaper.TimeMap_timeToQN_abs(proj, to))
end

-- The beat that clips begin at, their bars where a selection has whole ones, and a word on a selection that has not.
function Song.wanted(proj, meters)
  local from, to = Song.range(proj)
  if not from then
    local cursor = on_grid(reaper.TimeMap_timeToQN_abs(proj, reaper.GetCursorPositionEx(proj)))
    local _, start = time_map.bar_at(meters, cursor)
    return start, nil, nil
  end
  local bars = time_map.bars_between(meters, from, to)
  local whole = math.floor(bars + 0.5)
  if math.abs(bars - whole) > 1e-4 or whole < 1 or whole > MOST_BARS then
    local words = "The time selection is %.4g bars: set it to whole bars, 1 to %d."
    return from, nil, words:format(bars, MOST_BARS)
  end
  return from, whole, nil
end

function Song:tick(proj, meters, now)
  if meters then
    local from, bars = Song.wanted(proj, meters)
    self:tell("from", "/sideman/from", "f", from)
    if bars then
      self:tell("bars", "/sideman/bars", "i", bars)
    else
      self.told.bars = nil
    end
  end
  self:transport(proj, now)
end

function Song:tell(item, address, tags, value)
  if self.told[item] ~= value and self.send(address, tags, value) then
    self.told[item] = value
  end
end

function Song:transport(proj, now)
  local state = reaper.GetPlayStateEx(proj)
  local playing = state & PLAYING ~= 0 and state & PAUSED == 0
  local at = state ~= 0 and reaper.GetPlayPositionEx(proj) or reaper.GetCursorPositionEx(proj)
  local beat = math.max(0, reaper.TimeMap_timeToQN_abs(proj, at))
  local sent
  if playing ~= self.playing then
    sent = playing and self.send("/sideman/play", "f", beat)
      or not playing and self.send("/sideman/stop") and self.send("/sideman/position", "f", beat)
  elseif self:moved(proj, playing, at, now) then
    sent = self.send("/sideman/position", "f", beat)
  end
  if sent then
    self.playing, self.anchor, self.anchored_at = playing, at, now
  end
end

function Song:moved(proj, playing, at, now)
  if not playing then
    return at ~= self.anchor
  end
  local passed = now - self.anchored_at
  local expected = self.anchor + passed * reaper.Master_GetPlayRate(proj)
  return passed > RESYNC_S or math.abs(at - expected) > JUMP_S
end

return Song
