-- Where the mailbox is: the path in mailbox.txt beside this file, else beside the folders of Ardour's settings, one for
-- every version of Ardour.

local _, folder = ...

local file = io.open (folder .. "mailbox.txt", "r")
if file then
  local path = file:read ("l")
  file:close ()
  if path and path:match ("%S") then return (path:gsub ("%s+$", "")) end
end
return (ARDOUR.user_config_directory (-1):gsub ("[/\\][^/\\]*[/\\]?$", "")) .. "/sideman-ardour"
