-- The stand-in as a program of its own: lines come by the standard input, answers go by the standard output. What it
-- needs from outside it asks for with a line that begins with `?`.

local folder, resources = arg[1], arg[2]

local function outside(what, path)
  io.stdout:write("?", what, " ", path, "\n")
  io.stdout:flush()
  local names = {}
  local count = tonumber(io.stdin:read("l"))
  for index = 1, count do
    names[index] = io.stdin:read("l")
  end
  return names
end

local handle = assert(loadfile(folder .. "/program.lua"))(folder, outside, resources)
for line in io.stdin:lines() do
  io.stdout:write(handle(line), "\n")
  io.stdout:flush()
end
