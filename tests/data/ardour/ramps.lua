-- Makes a session in arg[1] with ramps and odd meters; prints what the script in the folder arg[2] tells of it, and the
-- samples of beats as Ardour counts them.
local backend = AudioEngine:set_backend ("None (Dummy)", "", "")
backend:set_sample_rate (48000)
backend:set_buffer_size (1024)
assert (AudioEngine:start (false) == 0)
Session = assert (create_session (arg[1], "ramps", 48000))
local function at (beats) return Temporal.timepos_t.from_ticks (math.floor (1920 * beats + 0.5)) end
local map = Temporal.TempoMap.write_copy ()
map:set_tempo (Temporal.Tempo (180, 60, 4), at (16))
map:set_tempo (Temporal.Tempo (75.5, 75.5, 4), at (32))
map:set_tempo (Temporal.Tempo (240, 240, 8), at (47.5))
map:set_ramped (map:set_tempo (Temporal.Tempo (120, 90, 4), at (0)), true)
map:set_ramped (map:set_tempo (Temporal.Tempo (180, 60, 4), at (16)), true)
map:set_meter (Temporal.Meter (7, 8), at (8))
map:set_meter (Temporal.Meter (5, 4), at (22))
Temporal.TempoMap.update (map)
local file = io.open (arg[2] .. "parts.lua", "r")
local part = load (file:read ("a"), "@parts", "t", _ENV) () (arg[2])
file:close ()
local now = Temporal.TempoMap.read ()
for _, line in ipairs (part ("time_map").tempo_lines (now, 48000)) do print ("LINE " .. line) end
for _, line in ipairs ((part ("time_map").meter_lines (now))) do print ("LINE " .. line) end
-- A map whose ramps bend otherwise than they say: what is told has to keep the seconds all the same.
local bent = {}
for _, name in ipairs {"tempo_at", "meter_at"} do
  bent[name] = function (_, ...) return now[name] (now, ...) end
end
function bent.quarters_per_minute_at (_, place)
  local beats = place:ticks () / 1920
  return now:quarters_per_minute_at (place) * (1 + 0.1 * math.sin (beats))
end
for _, line in ipairs (part ("time_map").tempo_lines (bent, 48000)) do print ("BENT " .. line) end
for eighth = 0, 160 do print (string.format ("AT %.17g %d %s", eighth / 2, at (eighth / 2):samples (), now:bbt_at (at (eighth / 2)):str ())) end
close_session ()
quit ()
