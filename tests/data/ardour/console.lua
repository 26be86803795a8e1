ardour { ["type"] = "EditorHook", name = "Console", author = "Sideman", license = "MIT",
  description = [[For tests: runs what is put into ask.lua beside this file, and answers in answer.txt.]] }

function signals () return LuaSignal.Set ():add ({[LuaSignal.LuaTimerDS] = true}) end

function factory (params)
  local folder = params["x-script-origin"]:match ("^(.*/)")
  local busy = false
  return function ()
    if busy then return end
    local file = io.open (folder .. "ask.lua", "r")
    if not file then return end
    local text = file:read ("a")
    file:close ()
    os.remove (folder .. "ask.lua")
    busy = true
    local chunk, why = load (text, "@ask", "t", _ENV)
    local good, answer = false, why
    if chunk then good, answer = pcall (chunk) end
    busy = false
    local out = io.open (folder .. "answer.part", "w")
    out:write (good and "good\n" or "bad\n", tostring (answer))
    out:close ()
    os.rename (folder .. "answer.part", folder .. "answer.txt")
  end
end
