ardour {
  ["type"] = "EditorHook",
  name = "Sideman",
  author = "Sideman",
  license = "MIT",
  description = [[Tells the Sideman daemon of tempo, meter, transport, chords and drums of this session, and places the clips that it makes. Run: sideman serve --host ardour]],
}

function signals ()
  return LuaSignal.Set ():add ({[LuaSignal.LuaTimerDS] = true})
end

-- Ardour keeps a copy of this file when the hook is added, and drops a hook that raises. So the parts are read from
-- the folder beside the file each time a session opens, and no error leaves the function below.
function factory (params)
  local AGAIN_S = 5
  local folder = (params and params["x-script-origin"] or ""):match ("^(.*[/\\])")
    or ARDOUR.user_config_directory (-1) .. "/scripts/"
  local tick, told
  local due = 0

  local function start ()
    local file = assert (io.open (folder .. "sideman/parts.lua", "r"))
    local text = file:read ("a")
    file:close ()
    return assert (load (text, "@sideman/parts.lua", "t", _ENV)) () (folder .. "sideman/") ("surface") ()
  end

  return function ()
    local good, result = true, nil
    if tick then
      good, result = pcall (tick)
    elseif os.time () >= due then
      due = os.time () + AGAIN_S
      good, result = pcall (start)
      tick = good and result or nil
    end
    if not good and result ~= told then
      told = result
      print ("Sideman: " .. tostring (result))
    end
  end
end
