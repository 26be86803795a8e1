-- Offers clips to the part of the script that places, as its surface does; returns what it sends and says.
-- OFFERS: a list of {number, id, take, path, target, start, beats, seconds, tempo, numerator, denominator, again[, replaces]}
local folder = ARDOUR.user_config_directory (-1) .. "/scripts/sideman/"
local file = io.open (folder .. "parts.lua", "r")
local part = load (file:read ("a"), "@parts", "t", _ENV) () (folder)
file:close ()
local lines = {}
local function send (sent) for _, line in ipairs (sent) do lines[#lines + 1] = line end end
local placer = part ("placing").new (send, function (text) lines[#lines + 1] = "SAID " .. text end)
for _, offer in ipairs (OFFERS) do
  offer.n = #offer
  placer.take ("run", offer)
end
for count = 1, #OFFERS + 1 do
  placer.tick ()
  if BETWEEN and count == 1 then BETWEEN () end
end
return table.concat (lines, "\n")
