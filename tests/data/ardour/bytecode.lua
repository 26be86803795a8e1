-- Prints the factories of scripts in hexadecimal, a line for each file: what Ardour keeps of a script that was added.
for index = 1, #arg do
  factory = nil
  function ardour () end
  dofile (arg[index])
  io.write ("FACTORY ", (string.dump (factory, true):gsub (".", function (c) return string.format ("%02x", c:byte ()) end)), "\n")
end
