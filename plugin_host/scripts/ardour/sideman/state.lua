-- What the daemon is told of the session, when it has changed: time, range, chords, drums, transport.

local part = ...
local mail = part ("mail")
local time_map = part ("time_map")
local charts = part ("charts")

local TICKS = time_map.TICKS
-- A tick is 100 ms. Each thing is looked at once in so many ticks, not all in the same one.
local PERIODS = {time = {5, 0}, range = {5, 2}, chords = {10, 3}, drums = {10, 8}}
-- What has taken longer than this to look at is looked at less often, so that Ardour's window stays quick.
local QUICK_S = 0.004
local ORDER = {"time", "range", "chords", "drums"}
local CLEAR = {chords = "/sideman/chords/clear", drums = "/sideman/drums/clear"}
-- While the session plays, its position is told this often, and at once when it jumps.
local RESYNC_S = 2
local JUMP_S = 0.25
local MOST_BARS = 512

local state = {}

-- Where the selected range, else the loop range begins and ends, in samples; nil where there is none.
local function range ()
  local selected = Editor:get_selection ().time
  local length = selected:length ():samples ()
  if length > 0 then return selected:end_sample () - length, selected:end_sample () end
  local loop = Session:locations ():auto_loop_location ()
  if loop then return loop:start ():samples (), loop:_end ():samples () end
  return nil
end

local function ticks_at (samples)
  return Temporal.timepos_t (samples):ticks ()
end

-- Bars between two beats under the session's meters; nil where they are not whole.
local function whole_bars (map, from, to)
  local low, high = map:bbt_at (time_map.position (from)), map:bbt_at (time_map.position (to))
  local bars = high.bars - low.bars
  if low.beats ~= high.beats or math.abs (low.ticks - high.ticks) > 4 or bars < 1 or bars > MOST_BARS then return nil end
  return bars
end

-- send (lines) puts lines in the file that goes out, say (text) tells the user.
function state.new (send, say, clock)
  local self = {}
  local told, ticks, rests = {}, 0, {}
  local playing, anchor, anchor_at

  local makers = {}

  function makers.time ()
    local map = Temporal.TempoMap.read ()
    local lines = time_map.tempo_lines (map, Session:nominal_sample_rate ())
    local meters, remark = time_map.meter_lines (map)
    if remark then say (remark) end
    for _, line in ipairs (meters) do lines[#lines + 1] = line end
    return lines
  end

  function makers.range ()
    local from, to = range ()
    if not from then return {mail.line ("/sideman/from", "f", 0)} end
    local low, high = math.max (0, ticks_at (from)), ticks_at (to)
    local lines = {mail.line ("/sideman/from", "f", low / TICKS)}
    local bars = whole_bars (Temporal.TempoMap.read (), low, high)
    if bars then lines[2] = mail.line ("/sideman/bars", "i", bars) end
    return lines
  end

  function makers.chords () return {charts.chords ()} end
  function makers.drums () return {charts.drums ()} end

  -- Everything is due: the daemon is a new one.
  function self.tell_all ()
    told, rests, playing, anchor = {}, {}, nil, nil
  end

  local function tell (item)
    local began = clock ()
    local lines = makers[item] ()
    rests[item] = ticks + PERIODS[item][1] * math.floor ((clock () - began) / QUICK_S)
    local text = table.concat (lines, "\n")
    if text == told[item] then return end
    -- A source that is gone is cleared; one that never was is not: another may have told its chords.
    if text == "" and told[item] then lines = {CLEAR[item]} end
    if #lines > 0 then send (lines) end
    told[item] = text
  end

  local function transport ()
    local now, samples = clock (), Session:transport_sample ()
    local rolling = Session:transport_state_rolling ()
    local beat = math.max (0, ticks_at (samples) / TICKS)
    if rolling ~= playing then
      if rolling then
        send {mail.line ("/sideman/play", "f", beat)}
      else
        send {mail.line ("/sideman/stop"), mail.line ("/sideman/position", "f", beat)}
      end
    elseif not rolling and samples ~= anchor
      or rolling and (now - anchor_at > RESYNC_S
        or math.abs (samples - anchor - (now - anchor_at) * Session:nominal_sample_rate ())
          > JUMP_S * Session:nominal_sample_rate ()) then
      send {mail.line ("/sideman/position", "f", beat)}
    else
      return
    end
    playing, anchor, anchor_at = rolling, samples, now
  end

  function self.tick ()
    for _, item in ipairs (ORDER) do
      local every, offset = PERIODS[item][1], PERIODS[item][2]
      if told[item] == nil or ticks % every == offset and ticks >= rests[item] then tell (item) end
    end
    ticks = ticks + 1
    transport ()
  end

  return self
end

return state
