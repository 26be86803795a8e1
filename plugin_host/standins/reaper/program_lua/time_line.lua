-- Tempo and meter of a project. Between two markers the tempo stands, or changes linearly over time: the beats of such a
-- segment are its seconds times the mean of both tempos, which is what the SWS extension computes with, too.

local time_line = {}

-- Segments { time, qn, bpm, slope in bpm a second } of a project's markers; the first begins at 0.
local function segments(project)
  local all = {}
  local markers = project.markers
  if not markers[1] or markers[1].time > 0 then
    all[1] = { time = 0, qn = 0, bpm = project.bpm, slope = 0 }
  end
  for index, marker in ipairs(markers) do
    local last = all[#all]
    local next_one = markers[index + 1]
    local slope = marker.linear and next_one and (next_one.bpm - marker.bpm) / (next_one.time - marker.time) or 0
    local qn = last and time_line.qn_in(last, marker.time) or 0
    all[#all + 1] = { time = marker.time, qn = qn, bpm = marker.bpm, slope = slope }
  end
  return all
end

function time_line.qn_in(segment, time)
  local passed = time - segment.time
  return segment.qn + (segment.bpm * passed + segment.slope * passed * passed / 2) / 60
end

local function of(project)
  if not project.segments then
    project.segments = segments(project)
  end
  return project.segments
end

local function find(all, field, value)
  local low, high = 1, #all
  while low < high do
    local middle = (low + high + 1) // 2
    if all[middle][field] <= value then
      low = middle
    else
      high = middle - 1
    end
  end
  return all[low]
end

function time_line.to_qn(project, time)
  return time_line.qn_in(find(of(project), "time", time), time)
end

function time_line.to_time(project, qn)
  local segment = find(of(project), "qn", qn)
  local beats = 60 * (qn - segment.qn)
  if segment.slope == 0 then
    return segment.time + beats / segment.bpm
  end
  local root = math.sqrt(segment.bpm ^ 2 + 2 * segment.slope * beats)
  return segment.time + 2 * beats / (segment.bpm + root)
end

function time_line.bpm_at(project, time)
  local segment = find(of(project), "time", time)
  return segment.bpm + segment.slope * math.max(0, time - segment.time)
end

-- Time signature, measure (from 0) and beats into it at a time. A marker with a time signature begins a measure.
function time_line.measure_at(project, time)
  local num, den, qn, measure = project.num, project.den, 0, 0
  local here = time_line.to_qn(project, time)
  for _, marker in ipairs(project.markers) do
    local at = time_line.to_qn(project, marker.time)
    if marker.time > time + 1e-9 then
      break
    end
    if marker.num > 0 then
      measure = measure + math.ceil((at - qn) * den / (4 * num) - 1e-6)
      num, den, qn = marker.num, marker.den, at
    end
  end
  local length = 4 * num / den
  local bars = math.floor((here - qn) / length + 1e-9)
  return num, den, measure + bars, (here - qn - bars * length) * den / 4
end

return time_line
