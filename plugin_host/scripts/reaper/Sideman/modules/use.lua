-- Loads modules from this folder, each once for each script that runs. A path may hold any character.
--
-- `use(name)` returns what the module's function returns when it is called with `use`.

return function(folder)
  local loaded = {}
  local function use(name)
    if loaded[name] == nil then
      loaded[name] = assert(loadfile(folder .. "modules/" .. name .. ".lua"))(use)
    end
    return loaded[name]
  end
  return use
end
