-- Tempo and meter of a project in the daemon's terms: beats are quarter notes, bars are counted from 1.
--
-- REAPER's functions with `abs` count every quarter note once, also where a marker cuts a bar off.
--
-- Where REAPER's tempo changes gradually it is linear over time; the daemon's ramps are linear over beats. So a ramp is
-- told in pieces of equal ratio: for those, one factor makes the time of every piece exact.

local time_map = {}

local PIECE = 0.01 -- natural logarithm of the tempo's ratio in a piece of a ramp, at most
local NEAR_BEATS = 0.001 -- a ramp's own ends, which lie on the true tempo, are left and reached over so many beats
local STEP_BEATS = 0.25 -- where REAPER's map is neither of the known shapes, it is told in steps of so many beats
local MOST_POINTS = 2000
local MARKERS_A_STEP = 16
local SEGMENTS_A_STEP = 4
local LOOK_S = 1.0

-- The points of a ramp that is linear over time, without its ends: { beat, bpm, true }. `q` are beats, `v` tempos.
function time_map.ramp(q0, q1, v0, v1)
  local points = {}
  local span = math.log(v1 / v0)
  local pieces = math.ceil(math.abs(span) / PIECE)
  if pieces == 0 or q1 - q0 < 4 * NEAR_BEATS then
    return points
  end
  local ratio = math.exp(span / pieces)
  local factor = math.log(ratio) * (ratio + 1) / (2 * (ratio - 1))
  local rise = (v1 * v1 - v0 * v0) / (q1 - q0)
  local function tempo(q)
    return math.sqrt(v0 * v0 + rise * (q - q0))
  end
  local function add(q, v)
    points[#points + 1] = { q, factor * v, true }
  end
  add(q0 + NEAR_BEATS, tempo(q0 + NEAR_BEATS))
  for piece = 1, pieces - 1 do
    local v = v0 * ratio ^ piece
    local q = q0 + (v * v - v0 * v0) / rise
    if q > q0 + 2 * NEAR_BEATS and q < q1 - 2 * NEAR_BEATS then
      add(q, v)
    end
  end
  add(q1 - NEAR_BEATS, tempo(q1 - NEAR_BEATS))
  return points
end

local function close(a, b, relative)
  return math.abs(a - b) <= relative * math.max(1, math.abs(a), math.abs(b))
end

-- Steps of one tempo each, which are exact at their ends, whatever REAPER does between two markers.
local function steps(proj, from, to, points)
  local q, t = from.qn, from.time
  while q < to.qn - 1e-9 and #points < MOST_POINTS do
    local next_q = math.min(to.qn, (math.floor(q / STEP_BEATS + 1e-9) + 1) * STEP_BEATS)
    local next_t = reaper.TimeMap_QNToTime_abs(proj, next_q)
    if next_t - t > 1e-9 then
      points[#points + 1] = { q, 60 * (next_q - q) / (next_t - t), false }
    end
    q, t = next_q, next_t
  end
end

local function segment(proj, from, to, points, ramped)
  local seconds, beats = to and to.time - from.time or LOOK_S, nil
  beats = (to and to.qn or reaper.TimeMap_timeToQN_abs(proj, from.time + LOOK_S)) - from.qn
  if close(60 * beats / seconds, from.bpm, 1e-7) then
    points[#points + 1] = { from.qn, from.bpm, ramped }
    return false
  end
  if to and from.linear and close(120 * beats / seconds, from.bpm + to.bpm, 1e-7) then
    local middle = from.qn + seconds * (3 * from.bpm + to.bpm) / 480
    if close(reaper.TimeMap_timeToQN_abs(proj, from.time + seconds / 2), middle, 1e-7) then
      points[#points + 1] = { from.qn, from.bpm, ramped }
      for _, point in ipairs(time_map.ramp(from.qn, to.qn, from.bpm, to.bpm)) do
        points[#points + 1] = point
      end
      return true
    end
  end
  if to then
    steps(proj, from, to, points)
  else
    points[#points + 1] = { from.qn, 60 * beats / seconds, ramped }
  end
  return false
end

-- Tempo points { beat, bpm, whether reached by a ramp } of markers { time, qn, bpm, linear }.
function time_map.tempos(proj, markers, pause)
  local points, ramped = {}, false
  for index, marker in ipairs(markers) do
    if #points < MOST_POINTS then
      ramped = segment(proj, marker, markers[index + 1], points, ramped)
    end
    if index % SEGMENTS_A_STEP == 0 then
      pause()
    end
  end
  points[1][1] = 0
  return points
end

-- A meter that the daemon takes, as long as this one or nearly so; and whether it is as long.
local function known_meter(num, den)
  while den > 16 and num % 2 == 0 do
    num, den = num // 2, den // 2
  end
  if num >= 1 and num <= 64 and (den == 1 or den == 2 or den == 4 or den == 8 or den == 16) then
    return num, den, true
  end
  return math.max(1, math.min(64, math.floor(16 * num / den + 0.5))), 16, false
end

-- The meter of a bar that is cut off after so many beats, or nearly so; and whether it is as long.
local function cut_meter(beats, den)
  for _, lower in ipairs({ den, 4, 8, 16 }) do
    local upper = beats * lower / 4
    if math.abs(upper - math.floor(upper + 0.5)) < 1e-4 and upper > 0.5 and upper <= 64.5 then
      return math.floor(upper + 0.5), lower, true
    end
  end
  return math.max(1, math.min(64, math.floor(beats * 4 + 0.5))), 16, false
end

-- Meter points { qn, bar, upper, lower }, and the bar from which on bars are not as REAPER has them (nil: all are).
function time_map.meters(signatures)
  local meters, off = {}, nil
  local function add(qn, bar, upper, lower)
    if meters[1] and meters[#meters][2] == bar then
      table.remove(meters)
    end
    meters[#meters + 1] = { qn, bar, upper, lower }
  end
  for _, signature in ipairs(signatures) do
    local upper, lower, exact = known_meter(signature.num, signature.den)
    local last = meters[#meters]
    local bar = 1
    if last then
      local length = last[3] * 4 / last[4]
      local bars = (signature.qn - last[1]) / length
      local whole = math.floor(bars + 1e-4)
      bar = last[2] + whole
      local rest = signature.qn - last[1] - whole * length
      if rest > 1e-4 * length then
        local cut_upper, cut_lower, fits = cut_meter(rest, last[4])
        add(last[1] + whole * length, bar, cut_upper, cut_lower)
        off = off or (not fits and bar) or nil
        bar = bar + 1
      end
    end
    off = off or (not exact and bar) or nil
    add(signature.qn, bar, upper, lower)
  end
  return meters, off
end

-- The markers of a project, its time signatures, and both as text, which tells whether something has changed.
local function marks(proj, pause)
  local upper, lower, bpm = reaper.TimeMap_GetTimeSigAtTime(proj, 0)
  local markers = { { time = 0, qn = 0, bpm = bpm, linear = false } }
  local signatures = { { qn = 0, num = upper, den = lower } }
  local texts = { ("%d %d %.17g"):format(upper, lower, bpm) }
  for index = 0, reaper.CountTempoTimeSigMarkers(proj) - 1 do
    local found, time, _, _, tempo, num, den, linear = reaper.GetTempoTimeSigMarker(proj, index)
    if found then
      local qn = reaper.TimeMap_timeToQN_abs(proj, time)
      if time < 1e-9 then
        markers, signatures = {}, num > 0 and {} or signatures
      end
      markers[#markers + 1] = { time = time, qn = qn, bpm = tempo, linear = linear }
      if num > 0 then
        signatures[#signatures + 1] = { qn = qn, num = num, den = den }
      end
      texts[#texts + 1] = ("%.17g %.17g %.17g %d %d %s"):format(time, qn, tempo, num, den, tostring(linear))
    end
    if index % MARKERS_A_STEP == MARKERS_A_STEP - 1 then
      pause()
    end
  end
  return markers, signatures, table.concat(texts, "\n")
end

-- Read a project's map; in a coroutine it pauses between markers. Returns { tempos, meters, off, cut, text }, or the map
-- from before where nothing has changed.
function time_map.read(proj, pause, before)
  local markers, signatures, text = marks(proj, pause)
  if before and before.text == text then
    return before
  end
  local tempos = time_map.tempos(proj, markers, pause)
  pause()
  local meters, off = time_map.meters(signatures)
  return { tempos = tempos, meters = meters, off = off, cut = #tempos >= MOST_POINTS, text = text }
end

-- The bar that holds a beat, where it begins, and how long it is.
function time_map.bar_at(meters, qn)
  local point = meters[1]
  for _, other in ipairs(meters) do
    if other[1] > qn + 1e-6 then
      break
    end
    point = other
  end
  local length = point[3] * 4 / point[4]
  local bars = math.floor((qn - point[1]) / length + 1e-6)
  return point[2] + bars, point[1] + bars * length, length
end

-- How many bars lie between two beats, as a number that may be no whole one.
function time_map.bars_between(meters, from, to)
  local first, first_start, first_length = time_map.bar_at(meters, from)
  local last, last_start, last_length = time_map.bar_at(meters, to)
  return last - first + (to - last_start) / last_length - (from - first_start) / first_length
end

return time_map
