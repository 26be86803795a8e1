-- Clips into the session: one at a time, each in one undo step, on the track that is asked for. Nothing is overwritten
-- but the draft of a better take: where something lies already, the new clip lies on top of it.

local part = ...
local mail = part ("mail")
local time_map = part ("time_map")
local drafts = part ("drafts")

local TRACK = "Sideman"
local AREAS = {slots = true, arrangement = true, lanes = true}
local MOST_WAITING = 64
local MOST_KNOWN = 1024
local LAST_BEAT = 1000000

local placing = {}

-- What /sideman/place says of a clip.
local function offer_of (run, arguments)
  local offer = {
    number = arguments[1], key = run .. " " .. tostring (arguments[1]), path = arguments[4], target = arguments[5],
    start = arguments[6], again = arguments[12] == 1, replaces = arguments[13],
  }
  offer.name = tostring (offer.path):match ("([^/\\]*)$"):gsub ("%.[Ww][Aa][Vv]$", "")
  return offer
end

-- Raised with a sentence for the user.
local function fail (text, ...)
  error ({why = string.format (text, ...)}, 0)
end

-- The track's name of a target: AREA:TRACK, AREA, or :TRACK; empty for Sideman.
function placing.track_of (target)
  local area, name = target:match ("^([^:]*):?(.*)$")
  if not AREAS[area] and area ~= "" then name = target end
  name = name:match ("^%s*(.-)%s*$")
  return name ~= "" and name or TRACK
end

-- Whether a region is the clip of a file: it has its name, or its source has, to which Ardour adds the channel.
local function is_of (region, name)
  local audio = region:to_audioregion ()
  if audio:isnil () then return false end
  if region:name () == name then return true end
  local source = region:source (0):name ():gsub ("%.[Ww][Aa][Vv]$", ""):gsub ("%%[LR]$", "")
  return source == name
end

local function bar (ticks)
  local at = Temporal.TempoMap.read ():bbt_at (time_map.position (ticks))
  if at.beats == 1 and at.ticks == 0 then return string.format ("bar %d", at.bars) end
  return string.format ("%d|%d|%d", at.bars, at.beats, at.ticks)
end

-- Where a clip of this file is already, in words; nil where it is not.
local function holding (name)
  for route in Session:get_tracks ():iter () do
    local track = route:to_track ()
    if not track:to_audio_track ():isnil () then
      for playlist in Session:playlists ():playlists_for_track (track):iter () do
        for region in playlist:region_list ():iter () do
          if is_of (region, name) then
            return string.format ("track %s, %s", route:name (), bar (region:position ():ticks ()))
          end
        end
      end
    end
  end
  return nil
end

local function find_track (name)
  local route = Session:route_by_name (name)
  if route:isnil () then return nil end
  local track = route:to_track ()
  if track:isnil () then fail ("%s is a bus, and takes no clips: rename it, and a track is made.", name) end
  if track:to_audio_track ():isnil () then
    fail ("The track %s is no audio track: rename it, and one is made.", name)
  end
  return track
end

local function new_track (name)
  local made = Session:new_audio_track (2, 2, nil, 1, name, ARDOUR.PresentationInfo.max_order,
    ARDOUR.TrackMode.Normal, true)
  local track = made and not made:empty () and made:front ()
  if not track or track:isnil () then fail ("There is no track %s, and Ardour makes no new one.", name) end
  return track
end

-- The file as a region of the session: Ardour copies it, converting the sample rate where that differs. This leaves a
-- step in the undo history that changes nothing; it cannot be made a part of ours.
local function import (offer)
  local before = {}
  for id in ARDOUR.RegionFactory.regions ():iter () do before[id:to_s ()] = true end
  local files = C.StringVector ()
  files:push_back (offer.path)
  Editor:do_import (files, Editing.ImportDistinctFiles, Editing.ImportAsRegion, ARDOUR.SrcQuality.SrcBest,
    ARDOUR.MidiTrackNameSource.SMFTrackName, ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore,
    Temporal.timepos_t (0), ARDOUR.PluginInfo (), ARDOUR.Track (), false)
  for id, region in ARDOUR.RegionFactory.regions ():iter () do
    if not before[id:to_s ()] and region:whole_file () then return region end
  end
  fail ("Ardour does not read the file of %s.", offer.name)
end

-- A copy of the region on the track, on top of what lies there and in the place of a draft, in one undo step.
local function put (offer, track, source, ticks, draft)
  local playlist = track:playlist ()
  Session:begin_reversible_command ("Sideman: " .. offer.name)
  playlist:to_stateful ():clear_changes ()
  local region = ARDOUR.RegionFactory.clone_region (source, true, false)
  region:set_name (offer.name)
  if draft then playlist:remove_region (draft) end
  playlist:add_region (region, time_map.position (ticks), 1, false)
  Session:add_stateful_diff_command (playlist:to_statefuldestructible ())
  Session:commit_reversible_command (nil)
  return region
end

local function readable (path)
  local file = io.open (path, "rb")
  if not file then return false end
  local head = file:read (4)
  file:close ()
  return head == "RIFF" or head == "RF64"
end

-- Place an offer; returns where it is in words. Raises what fail raises, and what Ardour does.
local function place (offer, made)
  local there = offer.again and holding (offer.name)
  if there then return there .. ", where it was already" end
  if not readable (offer.path) then fail ("The file of %s is gone, or is no WAV file.", offer.name) end
  if not (offer.start >= 0 and offer.start <= LAST_BEAT) then fail ("Ardour has no beat %g.", offer.start) end
  local name = placing.track_of (offer.target)
  local ticks = math.floor (offer.start * time_map.TICKS + 0.5)
  local there_is = offer.replaces and made.find (offer.replaces, ticks)
  local track = not there_is and find_track (name) or nil
  local source = import (offer)
  -- Ardour's own loop ran while it imported: the user may have changed the draft.
  local instead, draft, remark = nil, nil, ""
  if offer.replaces then
    instead, draft = made.find (offer.replaces, ticks)
    remark = instead and drafts.IN_PLACE or drafts.stays (draft)
  end
  track = instead or track or find_track (name) or new_track (name)
  local region = put (offer, track, source, ticks, instead and draft or nil)
  made.note (offer.path, region)
  local above = region:layer () > 0 and ", on top of what lies there" or ""
  return string.format ("track %s, %s%s%s", track:name (), bar (ticks), above, remark)
end

-- send (lines) and say (text) as in state.
function placing.new (send, say)
  local self = {}
  local waiting, known, order = {}, {}, {}
  local made = drafts.new ()
  local busy = false

  local function answer (offer, line)
    known[offer.key] = line
    send {line}
  end

  -- An offer has come: a new one waits its turn, one that was answered is answered again.
  function self.take (run, arguments)
    local offer = offer_of (run, arguments)
    local before = known[offer.key]
    if before then
      send {before}
    elseif before == nil and #waiting < MOST_WAITING then
      known[offer.key] = false
      order[#order + 1] = offer.key
      if #order > MOST_KNOWN then known[table.remove (order, 1)] = nil end
      waiting[#waiting + 1] = offer
    end
  end

  -- Another run of the daemon: it numbers its offers anew, and nobody waits for those of before.
  function self.forget_waiting ()
    waiting = {}
  end

  -- Place one clip. Importing lets Ardour's own loop run, and so this function is called while it runs.
  function self.tick ()
    if busy or #waiting == 0 or Session:actively_recording () then return end
    busy = true
    local offer = table.remove (waiting, 1)
    local good, where = pcall (place, offer, made)
    busy = false
    if good then
      answer (offer, mail.line ("/sideman/place/done", "is", offer.number, where))
      say (string.format ("%s is in %s", offer.name, where))
    else
      local why = type (where) == "table" and where.why or "Ardour does not take it: " .. tostring (where)
      if offer.replaces then why = why .. " Its draft stays where it is." end
      answer (offer, mail.line ("/sideman/place/failed", "is", offer.number, why))
      say (why .. " Its file: " .. offer.path)
    end
  end

  return self
end

return placing
