-- What the user asks for: from the action scripts to the main script, which is another program, through ExtState.

local use = ...
local mail = use("mail")

local wishes = {}

wishes.SECTION = "Sideman"
local ALIVE_S = 3.0
local MOST_BYTES = 16384

function wishes.main_is_running()
  local at = tonumber(reaper.GetExtState(wishes.SECTION, "alive"))
  return at ~= nil and math.abs(reaper.time_precise() - at) < ALIVE_S
end

-- The main script says that it runs.
function wishes.alive(now)
  reaper.SetExtState(wishes.SECTION, "alive", mail.number(now), false)
end

function wishes.gone()
  reaper.DeleteExtState(wishes.SECTION, "alive", false)
end

-- Leave a wish for the main script; where that does not run, it is started.
function wishes.leave(folder, address, tags, ...)
  local before = reaper.GetExtState(wishes.SECTION, "wish")
  local all = before .. mail.line(address, tags, ...) .. "\n"
  if #all > MOST_BYTES then
    return
  end
  reaper.SetExtState(wishes.SECTION, "wish", all, false)
  if wishes.main_is_running() then
    return
  end
  local command = reaper.AddRemoveReaScript(true, 0, folder .. "Sideman.lua", true)
  if command == 0 then
    reaper.DeleteExtState(wishes.SECTION, "wish", false)
    reaper.MB("Sideman.lua does not run, and cannot be started: load it in the action list, and run it.", "Sideman", 0)
    return
  end
  reaper.Main_OnCommand(command, 0)
end

-- The wishes that were left, in order; each is handed out once.
function wishes.take()
  local all = reaper.GetExtState(wishes.SECTION, "wish")
  if all == "" then
    return {}
  end
  reaper.DeleteExtState(wishes.SECTION, "wish", false)
  local found = {}
  for line in all:gmatch("([^\n]+)\n") do
    found[#found + 1] = mail.message(line)
  end
  return found
end

return wishes
