-- @noindex
-- The take that is heard of the selected item is kept: its receipt says so. Without one, the last that was made.

local folder = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or ""
local use = assert(loadfile(folder .. "modules/use.lua"))()(folder)
use("wishes").leave(folder, "/wish/keep")
