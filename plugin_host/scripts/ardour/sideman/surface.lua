-- The tick, every 100 ms on Ardour's GUI thread: hear the daemon, greet it, tell what has changed, place what is offered.

local part, folder = ...
local mail = part ("mail")

local VERSION = "2"
local GREET_S = 2
local SILENCE_S = 7
local LOOK_S = 1
local TAKEN = "daw_taken"

return function ()
  local function clock () return ARDOUR.LuaAPI.monotonic_time () / 1e6 end

  local box = mail.box (part ("place_of_mailbox"), clock)
  local out = {}
  local run, daemon
  local greeted_at, heard_at, looked_at = -math.huge, clock (), -math.huge
  local said

  local function send (lines)
    for _, line in ipairs (lines) do out[#out + 1] = line end
  end

  -- A line in Ardour's log, and in a file from which the action "Sideman" shows it.
  local function say (text)
    if text == said then return end
    said = text
    print ("Sideman: " .. text)
    local file = io.open (folder .. "said.txt", "w")
    if file then
      file:write (text, "\n")
      file:close ()
    end
  end

  local state = part ("state").new (send, say, clock)
  local placer = part ("placing").new (send, say)

  local heard = {}

  heard["/sideman/hosting"] = function (arguments)
    if arguments[1] == run then return end
    run = arguments[1]
    placer.forget_waiting ()
    send {mail.line ("/sideman/subscribe")}
    state.tell_all ()
    say ("Connected to the daemon" .. (arguments[2] == 1 and "" or ", which places no clips here: it was started for another host"))
  end

  heard["/sideman/place"] = function (arguments)
    if run and (arguments.n == 12 or arguments.n == 13) then placer.take (run, arguments) end
  end

  heard["/sideman/error"] = function (arguments)
    if arguments[2] == TAKEN then run = nil end
    say (tostring (arguments[3]))
  end

  heard["/sideman/notice"] = function (arguments) say (tostring (arguments[3])) end
  heard["/sideman/accepted"] = function (arguments) say (arguments[1] .. " waits its turn") end
  heard["/sideman/cancelled"] = function (arguments) say (arguments[1] .. " is cancelled") end
  heard["/sideman/superseded"] = function (arguments) say (arguments[1] .. " gives way to " .. arguments[2]) end

  local function look_for_daemon (now)
    if now - looked_at < LOOK_S then return end
    looked_at = now
    local before = daemon
    daemon = box.daemon ()
    if daemon ~= before then heard_at = now end
    if not daemon then
      if run or said == nil then
        say ("No daemon meets this script in " .. box.folder .. ". Run: sideman serve --host ardour")
      end
      run = nil
    elseif now - heard_at > SILENCE_S then
      -- The daemon lives and does not answer: it has forgotten this run of the script.
      box.send {mail.line ("/sideman/daw/bye")}
      box.renew ()
      run, heard_at = nil, now
    end
  end

  local function tick ()
    local now = clock ()
    look_for_daemon (now)
    if not daemon then
      out = {}
      return
    end
    box.read (function (address, arguments)
      heard_at = now
      local answer = heard[address]
      if answer then answer (arguments) end
    end)
    if now - greeted_at >= GREET_S then
      greeted_at = now
      send {mail.line ("/sideman/daw", "ss", "Ardour", VERSION)}
    end
    placer.tick ()
    if run then state.tick () end
    if #out == 0 then return end
    local lines = out
    out = {}
    if not box.send (lines) and run then state.tell_all () end
  end

  -- Ardour says nothing when it closes a session, but lets go of the script.
  local farewell = setmetatable ({}, {__gc = function () if daemon then box.send {mail.line ("/sideman/daw/bye")} end end})

  return function ()
    return farewell and tick ()
  end
end
