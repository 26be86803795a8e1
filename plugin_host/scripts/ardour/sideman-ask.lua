ardour {
  ["type"] = "EditorAction",
  name = "Sideman: ask for...",
  author = "Sideman",
  license = "MIT",
  description = [[Asks the Sideman daemon for clips in your words, for the next take, or to keep or cancel what it makes.]],
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

  local last = {prompt = "", takes = 1, bars = 0}

  local function fields (said)
    return {
      {type = "heading", title = said ~= "" and said or "Nothing has been said yet", align = "left"},
      {type = "dropdown", key = "wish", title = "What", default = "A clip", values = {
        ["A clip"] = "make", ["The next take of the last clip"] = "next",
        ["Keep the last take"] = "keep", ["Cancel what is being made"] = "cancel"}},
      {type = "entry", key = "prompt", title = "In your words", default = last.prompt},
      {type = "number", key = "takes", title = "Takes", min = 1, max = 16, step = 1, digits = 0, default = last.takes},
      {type = "number", key = "bars", title = "Bars (0: as the range is)", min = 0, max = 512, step = 1, digits = 0,
        default = last.bars},
    }
  end

  return function ()
    local good, why = pcall (function ()
      local wishes = wishes ()
      local answers = LuaDialog.Dialog ("Sideman", fields (wishes.said ())):run ()
      if not answers then return nil end
      last = answers
      return wishes.send (wishes.lines (answers))
    end)
    if not good or why then complain (tostring (why)) end
  end
end
