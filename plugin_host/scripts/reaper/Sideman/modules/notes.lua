-- The notes of a track's MIDI items by song beat: what is heard of each item's active take.

local notes = {}

local NOTES_A_STEP = 16
local ITEMS_A_STEP = 8
local TEXTS_A_STEP = 48
local MOST_NOTES = 2000 -- a longer chart is cut: what came first counts
local MOST_TURNS = 512 -- of a looped item

local function add(played, note, from, to)
  if to > from + 1e-9 and #played < MOST_NOTES then
    played[#played + 1] = { note.pitch, from, to - from, math.max(1, math.min(127, note.vel)) }
  end
end

-- One note of a take, in every turn of a looped item. `first` and `last` are the item's beats, `turn` a loop's length.
local function heard(played, note, first, last, source_end, turn)
  local from, to = note.from, math.min(note.to, source_end or math.huge)
  local turns = turn and MOST_TURNS or 1
  for count = 0, turns - 1 do
    local shift = turn and count * turn or 0
    if from + shift >= last - 1e-9 or #played >= MOST_NOTES then
      return
    end
    if from + shift >= first - 1e-6 then
      add(played, note, math.max(first, from + shift), math.min(last, to + shift))
    end
  end
end

-- By seconds, because REAPER's other way to beats counts bars that are cut off in its own manner.
local function beat_of(proj, take, ppq)
  return reaper.TimeMap_timeToQN_abs(proj, reaper.MIDI_GetProjTimeFromPPQPos(take, ppq))
end

-- A looped item's content ends with its source, and begins again; the length of a turn is that of the source.
local function loop_of(proj, item, take)
  if reaper.GetMediaItemInfo_Value(item, "B_LOOPSRC") < 0.5 then
    return nil, nil
  end
  local source = reaper.GetMediaItemTake_Source(take)
  local length, is_beats = reaper.GetMediaSourceLength(source)
  if not is_beats or length <= 0 then
    return nil, nil
  end
  local begins = beat_of(proj, take, 0)
  local turn = length / math.max(1e-6, reaper.GetMediaItemTakeInfo_Value(take, "D_PLAYRATE"))
  return begins + turn, turn
end

local function read_item(proj, item, take, played, pause)
  local at = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
  local first = reaper.TimeMap_timeToQN_abs(proj, at)
  local last = reaper.TimeMap_timeToQN_abs(proj, at + reaper.GetMediaItemInfo_Value(item, "D_LENGTH"))
  local source_end, turn = loop_of(proj, item, take)
  local _, count = reaper.MIDI_CountEvts(take)
  for index = 0, count - 1 do
    local found, _, muted, from, to, _, pitch, vel = reaper.MIDI_GetNote(take, index)
    if found and not muted and vel >= 1 then
      local note = { pitch = pitch, vel = vel }
      note.from, note.to = beat_of(proj, take, from), beat_of(proj, take, to)
      heard(played, note, first, last, source_end, turn)
    end
    if index % NOTES_A_STEP == NOTES_A_STEP - 1 then
      pause()
    end
  end
  return last
end

local function comes_before(a, b)
  return a[2] < b[2] or (a[2] == b[2] and a[1] < b[1])
end

local function in_order(played)
  for index = 2, #played do
    if comes_before(played[index], played[index - 1]) then
      return false
    end
  end
  return true
end

-- Notes { pitch, beat, length, velocity } in order, and the beat that the last item ends at. Muted items are not heard.
function notes.of_track(proj, track, pause)
  local played, ends = {}, 0
  for index = 0, reaper.CountTrackMediaItems(track) - 1 do
    local item = reaper.GetTrackMediaItem(track, index)
    local take = reaper.GetActiveTake(item)
    if take and reaper.TakeIsMIDI(take) and reaper.GetMediaItemInfo_Value(item, "B_MUTE") < 0.5 then
      ends = math.max(ends, read_item(proj, item, take, played, pause))
    end
    if index % ITEMS_A_STEP == ITEMS_A_STEP - 1 then
      pause()
    end
  end
  pause()
  if not in_order(played) then
    table.sort(played, comes_before)
    pause()
  end
  return played, ends
end

-- The names of the pitches that are played, where the track has any: { note, name }.
function notes.names(proj, track, played, pause)
  local named, seen = {}, {}
  for _, note in ipairs(played) do
    if not seen[note[1]] then
      seen[note[1]] = true
      local name = reaper.GetTrackMIDINoteNameEx(proj, track, note[1], 0)
      if name and name ~= "" then
        named[#named + 1] = { note[1], (name:gsub("%s+", " "):gsub(";", ",")) }
      end
    end
  end
  pause()
  table.sort(named, function(a, b)
    return a[1] < b[1]
  end)
  return named
end

local function number(value)
  if value == math.floor(value) and math.abs(value) < 1e9 then
    return string.format("%d", value)
  end
  local text = string.format("%.6f", value):gsub(",", "."):gsub("%.?0+$", "")
  return text
end

local function text_of(played, pause, format, second)
  local parts = {}
  for index, note in ipairs(played) do
    parts[index] = format:format(note[1], number(note[2]), second(note))
    if index % TEXTS_A_STEP == 0 then
      pause()
    end
  end
  return table.concat(parts, " ")
end

-- As /sideman/chords/notes takes them.
function notes.chord_text(played, pause)
  return text_of(played, pause, "%d %s %s", function(note)
    return number(note[3])
  end)
end

-- As /sideman/drums/notes takes them.
function notes.drum_text(played, pause)
  return text_of(played, pause, "%d %s %d", function(note)
    return note[4]
  end)
end

-- Pairs of a number and a name, a line each, as markers and pads are told.
function notes.lines(pairs_)
  local parts = {}
  for index, pair in ipairs(pairs_) do
    parts[index] = number(pair[1]) .. " " .. pair[2]
  end
  return table.concat(parts, "\n")
end

return notes
