-- Reads the lines of a file of mail (arg[2]) with the script's part in the folder arg[1] and prints them as it writes them.
local file = io.open (arg[1] .. "parts.lua", "r")
local part = load (file:read ("a"), "@parts", "t", _ENV) () (arg[1])
file:close ()
local mail = part ("mail")
local out = io.open (arg[2] .. ".back", "wb")
local first = true
for line in io.lines (arg[2]) do
  if first then
    out:write (line, "\n")
    first = false
  else
    local address, arguments = mail.parse (line)
    out:write (mail.line (address, line:match ("^[^\t]*\t([^\t]*)") or "", table.unpack (arguments, 1, arguments.n)), "\n")
  end
end
out:close ()
local chords = part ("charts")
for index = 3, #arg do print ("CHORD " .. tostring (chords.could_be_chord (arg[index])) .. " " .. arg[index]) end
quit ()
