-- The better take in the place of its draft: the same take of the same item gets the other file. Only a take that this
-- script made, and that is as it was made.

local use = ...
local places = use("places")

local drafts = {}

local SAME = 1e-6
local ITEMS_A_STEP = 64
local TOUCHED = "it was changed"
drafts.IN_PLACE = ", in the place of its draft"

-- What is said behind the place of a clip whose draft stays.
function drafts.stays(why)
  return "; its draft is not replaced: " .. why
end

local function same(one, other)
  return math.abs(one - other) < SAME
end

-- Whether an item has the bounds, the timebase and the level of one that was just placed, and may be changed.
local function item_is_untouched(item, fit)
  local wanted = {
    D_POSITION = fit.at, D_LENGTH = fit.length, C_BEATATTACHMODE = fit.timebase, D_FADEINLEN = 0, D_FADEOUTLEN = 0,
    B_MUTE = 0, C_LOCK = 0, D_VOL = 1,
  }
  for name, value in pairs(wanted) do
    if not same(reaper.GetMediaItemInfo_Value(item, name), value) then
      return false
    end
  end
  return places.is_ours(item)
end

local function take_is_untouched(take, path, fit)
  local wanted = { D_PLAYRATE = fit.rate, D_STARTOFFS = 0, D_VOL = 1, D_PAN = 0, D_PITCH = 0 }
  for name, value in pairs(wanted) do
    if not same(reaper.GetMediaItemTakeInfo_Value(take, name), value) then
      return false
    end
  end
  local _, name = reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", "", false)
  return name == places.name_of(path) and reaper.TakeFX_GetCount(take) == 0
    and reaper.GetTakeNumStretchMarkers(take) == 0 and reaper.CountTakeEnvelopes(take) == 0
end

-- The take that this script made of an offer's draft, and its number; nil where the item has none.
local function take_of(item, offer)
  for number = 0, reaper.CountTakes(item) - 1 do
    local take = reaper.GetTake(item, number)
    if take and places.is_of(take, offer.replaces) then
      local _, tag = reaper.GetSetMediaItemTakeInfo_String(take, places.TAG, "", false)
      if tag == places.take_tag(offer) then
        return take, number
      end
    end
  end
  return nil
end

-- The untouched draft of an offer: `{ track, item, take, number }`, else nil and why there is none. It pauses between
-- items, and never between finding it and returning.
function drafts.find(proj, offer, fit, pause)
  local seen, why = 0, "it is not in this project"
  for index = 0, reaper.CountTracks(proj) - 1 do
    local track = reaper.GetTrack(proj, index)
    for count = 0, (track and reaper.CountTrackMediaItems(track) or 0) - 1 do
      local item = reaper.GetTrackMediaItem(track, count)
      local take, number
      if item then
        take, number = take_of(item, offer)
      end
      if take and not places.is_frozen(track) and item_is_untouched(item, fit)
        and take_is_untouched(take, offer.replaces, fit) then
        return { track = track, item = item, take = take, number = number }
      elseif take then
        why = TOUCHED
      end
      seen = seen + 1
      if seen % ITEMS_A_STEP == 0 then
        pause()
        if not reaper.ValidatePtr2(proj, track, "MediaTrack*") then
          return nil, TOUCHED
        end
      end
    end
  end
  return nil, why
end

-- Give the draft's take the other file; returns the source that it had, which is to be destroyed when all went well.
function drafts.put(found, source)
  local before = reaper.GetMediaItemTake_Source(found.take)
  if not reaper.SetMediaItemTake_Source(found.take, source) then
    error("it does not put the file into a take", 0)
  end
  return before
end

return drafts
