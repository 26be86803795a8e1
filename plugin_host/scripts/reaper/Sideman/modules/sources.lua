-- Where chords and drums come from: the tracks CHORDS and DRUMS, and regions or markers that are named as chords.

local sources = {}

sources.CHORDS, sources.DRUMS = "CHORDS", "DRUMS"
local TRACKS_A_STEP = 8
local MARKERS_A_STEP = 16
local MOST_MARKERS = 512

local WORDS = {
  maj = true, Maj = true, min = true, Min = true, hdim = true, dim = true, Dim = true, aug = true, Aug = true,
  sus = true, add = true, alt = true, omit = true, no = true, dom = true, ma = true, mi = true, m = true, M = true,
  o = true, b = true,
}

local function words_are_of_chords(rest)
  for word in rest:gmatch("%a+") do
    -- Longest words first, as "madd" is "m" and "add", and "bass" is none at all.
    local at = 1
    while at <= #word do
      local taken = nil
      for length = 4, 1, -1 do
        if WORDS[word:sub(at, at + length - 1)] and at + length - 1 <= #word then
          taken = length
          break
        end
      end
      if not taken then
        return false
      end
      at = at + taken
    end
  end
  return true
end

-- Whether a name could be a chord symbol, told from names of sections. The daemon is the judge of what is one.
function sources.could_be_chord(name)
  if name == "N" or name == "NC" or name == "N.C" or name == "N.C." then
    return true
  end
  local rest = name:match("^[A-G](.*)$")
  if not rest or rest:find("[%s;]") then
    return false
  end
  rest = rest:gsub("/[A-G]", "/") -- a bass note
  return words_are_of_chords(rest)
end

function sources.trimmed(text)
  return text:match("^%s*(.-)%s*$")
end

-- The tracks that have a role by their name; the first of a name counts.
function sources.tracks(proj, pause)
  local roles = {}
  for index = 0, reaper.CountTracks(proj) - 1 do
    local track = reaper.GetTrack(proj, index)
    local _, name = reaper.GetSetMediaTrackInfo_String(track, "P_NAME", "", false)
    local word = sources.trimmed(name):upper()
    if (word == sources.CHORDS or word == sources.DRUMS) and not roles[word] then
      roles[word] = track
    end
    if index % TRACKS_A_STEP == TRACKS_A_STEP - 1 then
      pause()
    end
  end
  return roles
end

-- Regions first: a region's chord ends with it. Else markers. Each is { beat, name }.
function sources.chord_markers(proj, pause)
  local regions, markers = {}, {}
  local index = 0
  while #regions + #markers < MOST_MARKERS do
    local more, is_region, at, ends, name = reaper.EnumProjectMarkers3(proj, index)
    if more == 0 then
      break
    end
    name = sources.trimmed(name)
    if sources.could_be_chord(name) then
      local into = is_region and regions or markers
      local from = math.max(0, reaper.TimeMap_timeToQN_abs(proj, at))
      into[#into + 1] = { from, name, is_region and reaper.TimeMap_timeToQN_abs(proj, ends) or nil }
    end
    index = index + 1
    if index % MARKERS_A_STEP == 0 then
      pause()
    end
  end
  return sources.in_order(#regions > 0 and regions or markers)
end

function sources.in_order(found)
  table.sort(found, function(a, b)
    return a[1] < b[1]
  end)
  local chart = {}
  for index, one in ipairs(found) do
    local next_one = found[index + 1]
    chart[#chart + 1] = { one[1], one[2] }
    if one[3] and (not next_one or next_one[1] > one[3] + 1e-3) then
      chart[#chart + 1] = { one[3], "N" }
    end
  end
  return chart
end

return sources
