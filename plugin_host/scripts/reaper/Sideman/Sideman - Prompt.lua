-- @noindex
-- Asks what the music should be, how many bars and takes, and which engine; then a clip is made.

local folder = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or ""
local use = assert(loadfile(folder .. "modules/use.lua"))()(folder)

local FIELDS = { "prompt", "bars", "takes", "engine" }
local CAPTIONS = "Prompt,Bars (empty: the selection),Takes,Engine (empty: as it is),extrawidth=240,separator=\n"

local values = {}
for index, name in ipairs(FIELDS) do
  values[index] = reaper.GetExtState("Sideman", "asked_" .. name)
end
local given, text = reaper.GetUserInputs("Sideman", #FIELDS, CAPTIONS, table.concat(values, "\n"))
if given then
  values = {}
  for value in (text .. "\n"):gmatch("([^\n]*)\n") do
    values[#values + 1] = value:match("^%s*(.-)%s*$")
  end
  for index, name in ipairs(FIELDS) do
    values[index] = values[index] or ""
    reaper.SetExtState("Sideman", "asked_" .. name, values[index], true)
  end
  use("wishes").leave(folder, "/wish/prompt", "ssss", values[1], values[2], values[3], values[4])
end
