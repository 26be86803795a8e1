-- Puts the MIDI file PATH on the track TRACK, BEAT beats from the start.
local before = {}
for id in ARDOUR.RegionFactory.regions ():iter () do before[id:to_s ()] = true end
local files = C.StringVector ()
files:push_back (PATH)
Editor:do_import (files, Editing.ImportDistinctFiles, Editing.ImportAsRegion, ARDOUR.SrcQuality.SrcBest,
  ARDOUR.MidiTrackNameSource.SMFTrackName, ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore, Temporal.timepos_t (0),
  ARDOUR.PluginInfo (), ARDOUR.Track (), false)
local playlist = Session:route_by_name (TRACK):to_track ():playlist ()
for id, region in ARDOUR.RegionFactory.regions ():iter () do
  if not before[id:to_s ()] and region:whole_file () then
    playlist:to_stateful ():clear_changes ()
    Session:begin_reversible_command ("import")
    playlist:add_region (ARDOUR.RegionFactory.clone_region (region, true, false), Temporal.timepos_t.from_ticks (1920 * BEAT), 1, false)
    Session:add_stateful_diff_command (playlist:to_statefuldestructible ())
    Session:commit_reversible_command (nil)
  end
end
return playlist:n_regions ()
