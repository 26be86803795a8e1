-- Makes a session in the folder arg[1]: 120 to the end of bar 4, then 90; 4/4, from bar 7 on 3/4. Tracks CHORDS, DRUMS, Keys.
local folder = arg[1]
local backend = AudioEngine:set_backend ("None (Dummy)", "", "")
backend:set_sample_rate (48000)
backend:set_buffer_size (1024)
assert (AudioEngine:start (false) == 0)
local session = assert (create_session (folder, "song", 48000))
local function at (beats) return Temporal.timepos_t.from_ticks (1920 * beats) end
local map = Temporal.TempoMap.write_copy ()
map:set_tempo (Temporal.Tempo (120, 120, 4), at (0))
map:set_tempo (Temporal.Tempo (90, 90, 4), at (16))
map:set_meter (Temporal.Meter (3, 4), at (24))
Temporal.TempoMap.update (map)
local midi = ARDOUR.ChanCount (ARDOUR.DataType ("midi"), 1)
for _, name in ipairs {"CHORDS", "DRUMS", "Keys"} do
  session:new_midi_track (midi, midi, false, ARDOUR.PluginInfo (), nil, nil, 1, name,
    ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true)
end
session:save_state ("", false, false, false)
print ("MADE")
close_session ()
quit ()
