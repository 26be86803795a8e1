ardour {
  ["type"] = "EditorAction",
  name = "Sideman: make a clip",
  author = "Sideman",
  license = "MIT",
  description = [[Asks the Sideman daemon for a clip of the selected range, or of the loop range, as the session is now.]],
}

function factory (params)
  -- Ardour keeps a copy of this file: the parts are read from the folder beside it.
  local folder = (params and params["x-script-origin"] or ""):match ("^(.*[/\\])")
    or ARDOUR.user_config_directory (-1) .. "/scripts/"
  local function wishes ()
    local file = assert (io.open (folder .. "sideman/parts.lua", "r"))
    local text = file:read ("a")
    file:close ()
    return assert (load (text, "@sideman/parts.lua", "t", _ENV)) () (folder .. "sideman/") ("wishes")
  end
  local function complain (text)
    LuaDialog.Message ("Sideman", text, LuaDialog.MessageType.Warning, LuaDialog.ButtonType.Close):run ()
  end

  return function ()
    local good, why = pcall (function ()
      local wishes = wishes ()
      return wishes.send {wishes.line ("/sideman/generate")}
    end)
    if not good or why then complain (tostring (why)) end
  end
end
