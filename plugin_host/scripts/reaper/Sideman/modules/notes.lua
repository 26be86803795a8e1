-- The notes of a track's MIDI items by song beat: what is heard of each item's active take.

local notes = {}

local NOTES_A_STEP = 64
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

-- A looped item's content ends with its source, and begins again; the length of a turn is that of the source.
local function loop_of(item, take)
  if reaper.GetMediaItemInfo_Value(item, "B_LOOPSRC") < 0.5 then
    return nil, nil
  end
  local source = reaper.GetMediaItemTake_Source(take)
  local length, is_beats = reaper.GetMediaSourceLength(source)
  if not is_beats or length <= 0 then
    return nil, nil
  end
  local begins = reaper.MIDI_GetProjQNFromPPQPos(take, 0)
  local turn = length / math.max(1e-6, reaper.GetMediaItemTakeInfo_Value(take, "D_PLAYRATE"))
  return begins + turn, turn
end

local function read_item(proj, item, take, played, pause)
  local at = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
  local first = reaper.TimeMap2_timeToQN(proj, at)
  local last = reaper.TimeMap2_timeToQN(proj, at + reaper.GetMediaItemInfo_Value(item, "D_LENGTH"))
  local source_end, turn = loop_of(item, take)
  local _, count = reaper.MIDI_CountEvts(take)
  for index = 0, count - 1 do
    local found, _, muted, from, to, _, pitch, vel = reaper.MIDI_GetNote(take, index)
    if found and not muted and vel >= 1 then
      local note = { pitch = pitch, vel = vel }
      note.from = reaper.MIDI_GetProjQNFromPPQPos(take, from)
      note.to = reaper.MIDI_GetProjQNFromPPQPos(take, to)
      heard(played, note, first, last, source_end, turn)
    end
    if index % NOTES_A_STEP == NOTES_A_STEP - 1 then
      pause()
    end
  end
  return last
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
    if index % 16 == 15 then
      pause()
    end
  end
  table.sort(played, function(a, b)
    return a[2] < b[2] or (a[2] == b[2] and a[1] < b[1])
  end)
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
  local text = string.format("%.6f", value):gsub(",", "."):gsub("0+$", ""):gsub("%.$", "")
  return text
end

-- As /sideman/chords/notes takes them.
function notes.chord_text(played)
  local parts = {}
  for _, note in ipairs(played) do
    parts[#parts + 1] = string.format("%d %s %s", note[1], number(note[2]), number(note[3]))
  end
  return table.concat(parts, " ")
end

-- As /sideman/drums/notes takes them.
function notes.drum_text(played)
  local parts = {}
  for _, note in ipairs(played) do
    parts[#parts + 1] = string.format("%d %s %d", note[1], number(note[2]), note[4])
  end
  return table.concat(parts, " ")
end

-- Pairs of a number and a name, a line each, as markers and pads are told.
function notes.lines(pairs_)
  local parts = {}
  for _, pair in ipairs(pairs_) do
    parts[#parts + 1] = number(pair[1]) .. " " .. pair[2]
  end
  return table.concat(parts, "\n")
end

return notes
