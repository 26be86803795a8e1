-- @noindex
-- Every clip that is being made, or waits to be made, is cancelled.

local folder = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or ""
local use = assert(loadfile(folder .. "modules/use.lua"))()(folder)
use("wishes").leave(folder, "/wish/cancel")
