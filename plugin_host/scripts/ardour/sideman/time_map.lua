-- Tempo and meter of the session as messages: points by the beat, a quarter note whatever the meter.

local part = ...
local mail = part ("mail")

local TICKS = 1920
local FAR = 1000000
local MOST_POINTS = 2000
-- Where a stretch of a ramp is further from Ardour's own time than this, it is parted.
local NEAR_S = 0.0003
local DEEPEST = 5
local FLAT_BPM = 1e-3
local DENOMINATORS = {[1] = true, [2] = true, [4] = true, [8] = true, [16] = true}

local time_map = {TICKS = TICKS}

function time_map.position (ticks)
  return Temporal.timepos_t.from_ticks (math.floor (ticks + 0.5))
end

local position = time_map.position

-- The points of a map from the last to the first, in ticks and in order. at (position) is the point that counts there.
local function places (at)
  local found = {}
  local ticks = FAR * TICKS
  while ticks >= 0 and #found < MOST_POINTS do
    local point = at (position (ticks))
    local here = math.max (0, point:to_point ():time ():ticks ())
    table.insert (found, 1, {ticks = here, point = point})
    if here == 0 then break end
    ticks = math.min (here, ticks) - 1
  end
  return found
end

local function seconds (ticks, rate)
  return position (ticks):samples () / rate
end

-- Seconds that a linear ramp takes, as the daemon counts.
local function ramp_s (beats, from, to)
  local slope = (to - from) / beats
  return math.abs (to - from) < 1e-9 and 60 * beats / from or 60 / slope * math.log (to / from)
end

-- Write the ramp between two ticks; parted until it agrees with Ardour, and at last as steps, which do.
local function write_ramp (lines, low, high, from, map, rate, depth)
  local to = map:quarters_per_minute_at (position (high))
  local beats, wanted = (high - low) / TICKS, seconds (high, rate) - seconds (low, rate)
  local off = math.abs (ramp_s (beats, from, to) - wanted)
  if off <= NEAR_S then
    lines[#lines + 1] = mail.line ("/sideman/tempo/at", "ffi", high / TICKS, to, 1)
    return to
  end
  local middle = (low + high) // 2
  if depth < DEEPEST and middle > low then
    local reached = write_ramp (lines, low, middle, from, map, rate, depth + 1)
    return write_ramp (lines, middle, high, reached, map, rate, depth + 1)
  end
  lines[#lines + 1] = mail.line ("/sideman/tempo/at", "ff", (low + 1) / TICKS, 60 * beats / wanted)
  lines[#lines + 1] = mail.line ("/sideman/tempo/at", "ff", high / TICKS, to)
  return to
end

-- The tempo map as lines; rate is the session's sample rate.
function time_map.tempo_lines (map, rate)
  local points = places (function (at) return map:tempo_at (at) end)
  local lines = {}
  for index, here in ipairs (points) do
    local bpm = here.point:quarter_notes_per_minute ()
    local after = points[index + 1]
    if index == 1 then
      lines[1] = mail.line ("/sideman/tempo", "f", bpm)
    else
      lines[#lines + 1] = mail.line ("/sideman/tempo/at", "ff", here.ticks / TICKS, bpm)
    end
    local last = after and after.ticks - 1
    if last and last > here.ticks
      and math.abs (map:quarters_per_minute_at (position (last)) - bpm) > FLAT_BPM then
      write_ramp (lines, here.ticks, last, bpm, map, rate, 0)
    end
  end
  return lines
end

-- The meter map as lines, and a remark where something cannot be told. Bars are counted from the beats: Ardour may
-- number them anew at a marker.
function time_map.meter_lines (map)
  local lines, remark = {}, nil
  local bar, from, length = 1, 0, 4 * TICKS
  for index, here in ipairs (places (function (at) return map:meter_at (at) end)) do
    local top, bottom = here.point:divisions_per_bar (), here.point:note_value ()
    local bars = (here.ticks - from) / length
    bar = bar + math.floor (bars + 1e-6)
    local cut = (bars - math.floor (bars + 1e-6)) * length
    if index > 1 and cut > 1 then
      -- The bar before is cut short: it is a bar of sixteenths.
      lines[#lines + 1] = mail.line ("/sideman/meter/at", "iii", bar, math.floor (cut * 4 / TICKS + 0.5), 16)
      bar = bar + 1
    end
    if not DENOMINATORS[bottom] or top < 1 or top > 64 or top % 1 ~= 0 then
      remark = string.format ("The meter %g/%g at bar %d cannot be told to the daemon: it knows halves to sixteenths.",
        top, bottom, bar)
    elseif index == 1 then
      lines[1] = mail.line ("/sideman/meter", "ii", top, bottom)
    else
      lines[#lines + 1] = mail.line ("/sideman/meter/at", "iii", bar, top, bottom)
    end
    from, length = here.ticks, top * 4 * TICKS / bottom
  end
  return lines, remark
end

return time_map
