-- What an action of Ardour asks of the daemon: a file in the mailbox, from a script of its own.

local part, folder = ...
local mail = part ("mail")

local wishes = {line = mail.line}

-- The daemon answers at once, mostly within a tenth of a second; Ardour waits so long for it and no longer.
local LOOK_US = 20000
local MOST_LOOKS = 40
local ANSWERS = {["/sideman/accepted"] = true, ["/sideman/kept"] = true, ["/sideman/cancelled"] = true}

-- Send lines to the daemon; returns nil, or why that cannot be done, in the daemon's words where it has some.
function wishes.send (lines)
  local box = mail.box (part ("place_of_mailbox"), function () return ARDOUR.LuaAPI.monotonic_time () / 1e6 end)
  if not box.daemon () then return "No daemon meets Ardour in " .. box.folder .. ". Run: sideman serve --host ardour" end
  if not box.send (lines) then return "The folder " .. box.folder .. " cannot be written." end
  local answered, why
  for _ = 1, MOST_LOOKS do
    box.read (function (address, arguments)
      answered = answered or ANSWERS[address]
      if address == "/sideman/error" then answered, why = true, tostring (arguments[3]) end
    end)
    if answered then break end
    ARDOUR.LuaAPI.usleep (LOOK_US)
  end
  return why
end

-- The last thing that was said in Ardour's log; empty where there is none.
function wishes.said ()
  local file = io.open (folder .. "said.txt", "r")
  if not file then return "" end
  local text = file:read ("a")
  file:close ()
  return (text:gsub ("%s+$", ""))
end

-- What the dialogue's answers stand for, in order.
function wishes.lines (answers)
  local lines = {}
  if answers.wish == "make" then
    lines[1] = mail.line ("/sideman/prompt", "s", answers.prompt)
    lines[2] = mail.line ("/sideman/takes", "i", math.floor (answers.takes))
    if answers.bars >= 1 then lines[3] = mail.line ("/sideman/bars", "i", math.floor (answers.bars)) end
    lines[#lines + 1] = mail.line ("/sideman/generate")
  else
    lines[1] = mail.line ("/sideman/" .. answers.wish)
  end
  return lines
end

return wishes
