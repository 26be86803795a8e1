-- Chords and drums of the session: the notes of the tracks CHORDS and DRUMS, else location markers named as chords.

local part = ...
local mail = part ("mail")
local time_map = part ("time_map")

local TICKS = time_map.TICKS
local MOST_NOTES = 2000
local MOST_MARKERS = 512
local MOST_CHARACTERS = 59000

local charts = {}

-- A position or length of a note in ticks; it is text, beats and ticks, in every version of Ardour.
local function ticks_of (beats)
  local sign, whole, ticks = tostring (beats):match ("(%-?)(%d+):(%d+)")
  if not whole then return 0 end
  local sum = math.tointeger (whole) * TICKS + math.tointeger (ticks)
  return sign == "-" and -sum or sum
end

local function trimmed (text)
  return text:match ("^%s*(.-)%s*$")
end

-- The first MIDI track of a name; case and blanks around it do not matter.
local function midi_track (name)
  for route in Session:get_tracks ():iter () do
    if trimmed (route:name ()):upper () == name then
      local track = route:to_track ():to_midi_track ()
      if not track:isnil () then return track end
    end
  end
  return nil
end

-- The notes that a track plays as {pitch, tick, length, velocity} in order, and the tick at which its last region ends.
local function notes_of (track)
  local notes, stop = {}, 0
  for region in track:playlist ():region_list ():iter () do
    local midi = region:to_midiregion ()
    if not midi:isnil () and not region:muted () then
      local at, start, length = region:position ():ticks (), region:start ():ticks (), region:length ():ticks ()
      stop = math.max (stop, at + length)
      for note in ARDOUR.LuaAPI.note_list (midi:model ()):iter () do
        local from = ticks_of (note:time ()) - start
        local long = math.min (ticks_of (note:length ()), length - from)
        if from >= 0 and from < length and long > 0 and note:velocity () > 0 and at + from >= 0 then
          notes[#notes + 1] = {note:note (), at + from, long, note:velocity ()}
        end
      end
    end
  end
  table.sort (notes, function (a, b) return a[2] < b[2] or a[2] == b[2] and a[1] < b[1] end)
  return notes, stop
end

-- Notes as triples of pitch, beat and what third (note) says; what came first counts where there are too many.
local function triples (notes, third)
  local words, characters = {}, 0
  for index = 1, math.min (#notes, MOST_NOTES) do
    local note = notes[index]
    local word = string.format ("%d %s %s", note[1], charts.beats (note[2]), third (note))
    characters = characters + #word + 1
    if characters > MOST_CHARACTERS then break end
    words[index] = word
  end
  return table.concat (words, " ")
end

-- Ticks as beats, short.
function charts.beats (ticks)
  return (string.format ("%.6f", ticks / TICKS):gsub (",", "."):gsub ("0+$", ""):gsub ("%.$", ""))
end

local PARTS = {"maj", "Maj", "min", "Min", "hdim", "dim", "Dim", "aug", "Aug", "sus", "add", "alt", "omit", "no", "dom",
  "ma", "mi", "m", "M", "o", "b", ":"}

-- Whether a marker's name could be a chord symbol, told from names of sections. The daemon is the judge of what is one.
function charts.could_be_chord (name)
  if name == "N" or name == "NC" or name:match ("^N%.C%.?$") then return true end
  local rest = name:match ("^[A-G](.*)$")
  while rest and rest ~= "" do
    local shorter = rest:match ("^/[A-G](.*)$") or rest:match ("^[^%a%s;\128-\255](.*)$")
      or rest:match ("^\226\153[\173\175](.*)$") or rest:match ("^\226\150\179(.*)$") or rest:match ("^[\195\194][\152\184\176](.*)$")
    for _, word in ipairs (PARTS) do
      if shorter then break end
      if rest:sub (1, #word) == word then shorter = rest:sub (#word + 1) end
    end
    rest = shorter
  end
  return rest == ""
end

-- Location markers that could be chords, as the daemon takes them: a line for each, the beat and the name.
local function markers ()
  local found = {}
  for location in Session:locations ():list ():iter () do
    if location:is_mark () and not location:is_hidden () and #found < MOST_MARKERS then
      local name = trimmed (location:name ())
      if charts.could_be_chord (name) then found[#found + 1] = {location:start ():ticks (), name} end
    end
  end
  table.sort (found, function (a, b) return a[1] < b[1] end)
  for index, marker in ipairs (found) do
    found[index] = charts.beats (math.max (0, marker[1])) .. " " .. marker[2]
  end
  return table.concat (found, "\n")
end

-- The message that tells the chords; nil where nothing does.
function charts.chords ()
  local track = midi_track ("CHORDS")
  if track then
    local notes, stop = notes_of (track)
    if #notes > 0 then
      local text = triples (notes, function (note) return charts.beats (note[3]) end)
      return mail.line ("/sideman/chords/notes", "sf", text, stop / TICKS)
    end
  end
  local text = markers ()
  return text ~= "" and mail.line ("/sideman/chords/markers", "s", text) or nil
end

-- The message that tells the drums; nil where nothing does. Ardour's Lua knows no names of pads.
function charts.drums ()
  local track = midi_track ("DRUMS")
  if not track then return nil end
  local notes, stop = notes_of (track)
  if #notes == 0 then return nil end
  local text = triples (notes, function (note) return string.format ("%d", note[4]) end)
  return mail.line ("/sideman/drums/notes", "ssf", text, "", stop / TICKS)
end

return charts
