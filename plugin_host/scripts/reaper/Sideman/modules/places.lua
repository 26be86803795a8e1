-- Where a clip goes: takes of one item on the track Sideman, at its beat. Nothing is overwritten here.

local use = ...
local sources = use("sources")

local places = {}

places.TRACK = "Sideman"
local AREAS = { slots = true, arrangement = true, lanes = true }
local MOST_TRACKS = 99
local SAME_S = 1e-6
local LOCKED = 1
local ITEMS_A_STEP = 64
places.TAG = "P_EXT:sideman"

-- A target as the daemon writes it: AREA:TRACK, AREA, :TRACK; every area is the timeline here.
function places.track_of(target)
  local area, track = target:match("^([^:]*):(.*)$")
  if not area then
    area, track = target, ""
  end
  if not AREAS[area] and area ~= "" then
    track = target
  end
  track = sources.trimmed(track)
  return track ~= "" and track or places.TRACK
end

local function named(proj, name)
  for index = 0, reaper.CountTracks(proj) - 1 do
    local track = reaper.GetTrack(proj, index)
    local _, other = reaper.GetSetMediaTrackInfo_String(track, "P_NAME", "", false)
    if sources.trimmed(other) == name then
      return track
    end
  end
  return nil
end

function places.is_frozen(track)
  local _, chunk = reaper.GetTrackStateChunk(track, "", false)
  return chunk:find("\n%s*<FREEZE") ~= nil
end

function places.is_ours(item)
  local found, tag = reaper.GetSetMediaItemInfo_String(item, places.TAG, "", false)
  return found and tag ~= ""
end

-- What lies on a track from `at` to `ends`: our item that has just these bounds, or whether there is anything.
local function lying(track, at, ends)
  local ours, taken = nil, false
  for index = 0, reaper.CountTrackMediaItems(track) - 1 do
    local item = reaper.GetTrackMediaItem(track, index)
    local from = reaper.GetMediaItemInfo_Value(item, "D_POSITION")
    local to = from + reaper.GetMediaItemInfo_Value(item, "D_LENGTH")
    if math.abs(from - at) < SAME_S and math.abs(to - ends) < SAME_S and places.is_ours(item) then
      ours = ours or item
    elseif from < ends - SAME_S and to > at + SAME_S then
      taken = true
    end
  end
  return ours, taken
end

-- The track and, where there is one, our item for a clip of these bounds: `{ track, item, name }`, `track` nil for one
-- that is to be made. Returns nil and a sentence when it cannot go there.
function places.find(proj, target, at, ends)
  local wanted = places.track_of(target)
  for count = 1, MOST_TRACKS do
    local name = count == 1 and wanted or ("%s %d"):format(wanted, count)
    local track = named(proj, name)
    if not track then
      return { name = name }
    end
    if places.is_frozen(track) then
      return nil, ("The track %s is frozen: unfreeze it, or rename it and a new one is made."):format(name)
    end
    local ours, taken = lying(track, at, ends)
    if ours and math.floor(reaper.GetMediaItemInfo_Value(ours, "C_LOCK")) & LOCKED ~= 0 then
      return nil, ("The item on the track %s is locked: unlock it, and ask for another take."):format(name)
    end
    if ours or not taken then
      return { track = track, item = ours, name = name }
    end
  end
  return nil, ("Something lies at this place on %d tracks named %s: make room on one."):format(MOST_TRACKS, wanted)
end

-- A new track at the end, so named.
function places.make_track(proj, name)
  local index = reaper.CountTracks(proj)
  reaper.InsertTrackAtIndex(index, true)
  local track = reaper.GetTrack(proj, index)
  reaper.GetSetMediaTrackInfo_String(track, "P_NAME", name, true)
  return track
end

local function is_windows()
  return reaper.GetOS():find("^Win") ~= nil
end

-- A clip's name: that of its file.
function places.name_of(path)
  local file = path:match(is_windows() and "([^/\\]+)$" or "([^/]+)$") or path
  return (file:gsub("(.)%.[^.]*$", "%1"))
end

local function plain(path)
  local same = is_windows() and path:gsub("\\", "/") or path
  local system = reaper.GetOS()
  return (is_windows() or system:find("^OSX") or system:find("^mac")) and same:lower() or same
end

-- Whether a take plays a file.
function places.is_of(take, path)
  local source = reaper.GetMediaItemTake_Source(take)
  return source ~= nil and plain(reaper.GetMediaSourceFileName(source)) == plain(path)
end

-- What this script notes in each take that it makes.
function places.take_tag(offer)
  return ("%s %d"):format(offer.id, offer.take)
end

-- Where a clip of this file is in the project already, in words; for offers that an earlier run of the script may have
-- taken. It pauses between items.
function places.holding(proj, path, pause)
  local seen = 0
  for index = 0, reaper.CountTracks(proj) - 1 do
    local track = reaper.GetTrack(proj, index)
    for number = 0, reaper.CountTrackMediaItems(track) - 1 do
      local item = reaper.GetTrackMediaItem(track, number)
      for take_number = 0, reaper.CountTakes(item) - 1 do
        local take = reaper.GetTake(item, take_number)
        if take and places.is_of(take, path) then
          return places.words(proj, track, item, take_number)
        end
      end
      seen = seen + 1
      if seen % ITEMS_A_STEP == 0 then
        pause()
      end
    end
  end
  return nil
end

-- Where a take is: the track, the ruler's own bar and beat, and which take.
function places.words(proj, track, item, take_number)
  local _, name = reaper.GetSetMediaTrackInfo_String(track, "P_NAME", "", false)
  local at = reaper.format_timestr_pos(reaper.GetMediaItemInfo_Value(item, "D_POSITION"), "", 2)
  return ("track %s, at %s, take %d"):format(sources.trimmed(name), at, take_number + 1)
end

return places
