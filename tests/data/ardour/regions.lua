-- The regions of the track TRACK: name, sample, length in samples, layer; a line each.
local lines = {}
for region in Session:route_by_name (TRACK):to_track ():playlist ():region_list ():iter () do
  lines[#lines + 1] = string.format ("%s\t%d\t%d\t%d", region:name (), region:position ():samples (), region:length ():samples (), region:layer ())
end
table.sort (lines)
return table.concat (lines, "\n")
