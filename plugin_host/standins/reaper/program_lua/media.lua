-- Sources of media: WAV files, read by their header, and MIDI.

local objects = ...

local media = {}

-- Seconds of a WAV file; 0 for a file that is none. nil where there is no file.
function media.wav_seconds(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local head = file:read(12) or ""
  local rate, bytes_a_frame, seconds = nil, nil, 0
  if head:sub(1, 4) == "RIFF" and head:sub(9, 12) == "WAVE" then
    while true do
      local chunk = file:read(8)
      if not chunk or #chunk < 8 then
        break
      end
      local name, size = chunk:sub(1, 4), string.unpack("<I4", chunk, 5)
      if name == "fmt " then
        local format = file:read(size) or ""
        rate, bytes_a_frame = string.unpack("<I4", format, 5), string.unpack("<I2", format, 13)
      elseif name == "data" then
        local at = file:seek()
        local there = file:seek("end") - at
        seconds = rate and math.min(size, there) // bytes_a_frame / rate or 0
        break
      else
        file:seek("cur", size + size % 2)
      end
    end
  end
  file:close()
  return seconds
end

-- A source of a file. REAPER makes one for any path: what cannot be read has no length.
function media.of_file(path)
  local seconds = media.wav_seconds(path)
  return objects.make("PCM_source", { path = path, seconds = seconds or 0, type = seconds and "WAVE" or "EMPTY", peaks = 2 })
end

media.PPQ = 960

-- A MIDI source: its length in beats, and notes { pitch, from, to, velocity, muted, channel } in beats of its own.
function media.of_notes(beats, notes)
  local source = objects.make("PCM_source", { path = "", beats = beats, type = "MIDI", notes = {}, peaks = 0 })
  for _, note in ipairs(notes) do
    table.insert(source.notes, {
      pitch = note[1], from = note[2] * media.PPQ, to = note[3] * media.PPQ, vel = note[4] or 96, muted = note[5] == true,
      channel = note[6] or 0,
    })
  end
  table.sort(source.notes, function(a, b)
    return a.from < b.from or (a.from == b.from and a.pitch < b.pitch)
  end)
  return source
end

return media
