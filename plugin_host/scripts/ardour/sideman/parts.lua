-- Reads the parts of the script, which are files of a folder: Ardour's Lua has no require.
-- Returns a function of the folder that returns a function of a part's name; each part is read once.

return function (folder)
  local parts = {}
  local function part (name)
    if parts[name] == nil then
      local file = assert (io.open (folder .. name .. ".lua", "r"))
      local text = file:read ("a")
      file:close ()
      parts[name] = assert (load (text, "@sideman/" .. name .. ".lua", "t", _ENV)) (part, folder)
    end
    return parts[name]
  end
  return part
end
