-- The better take in the place of its draft: only a region that this run of the script made, and that is as it made it.

local part = ...
local time_map = part ("time_map")

local MOST_KNOWN = 1024

local drafts = {}

drafts.IN_PLACE = ", in the place of its draft"

-- What is said behind the place of a clip whose draft stays.
function drafts.stays (why)
  return "; its draft is not replaced: " .. why
end

local function id_of (region)
  return region:to_stateful ():id ():to_s ()
end

-- What a user can change of a region: two marks are equal where nothing was changed. Ardour does not tell a script how
-- long a fade is, so a fade of another length alone is not seen.
local function mark_of (region)
  local audio = region:to_audioregion ()
  local values = {
    region:name (), region:position ():ticks (), region:length ():samples (), region:start ():samples (), region:muted (),
    region:locked (), region:position_locked (), region:opaque (), audio:scale_amplitude (), audio:envelope_active (),
    audio:fade_in_active (), audio:fade_out_active (),
  }
  for event in audio:envelope ():events ():iter () do
    values[#values + 1] = event.when:samples ()
    values[#values + 1] = event.value
  end
  local texts = {}
  for index, value in ipairs (values) do texts[index] = tostring (value) end
  return table.concat (texts, "\n")
end

local function lying (id)
  for route in Session:get_tracks ():iter () do
    local track = route:to_track ()
    if not track:to_audio_track ():isnil () then
      for region in track:playlist ():region_list ():iter () do
        if id_of (region) == id then return track, region end
      end
    end
  end
  return nil
end

function drafts.new ()
  local self = {}
  local made, order = {}, {}

  -- A region was made of a file.
  function self.note (path, region)
    made[path] = {id = id_of (region), mark = mark_of (region)}
    order[#order + 1] = path
    if #order > MOST_KNOWN then made[table.remove (order, 1)] = nil end
  end

  -- Track and region of the draft of an offer where it can be replaced; else nil and why it stays.
  function self.find (path, ticks)
    local known = made[path]
    if not known then return nil, "this run of the script did not put it there" end
    local track, region = lying (known.id)
    if not track then return nil, "it is not where it was put" end
    local place = time_map.position (ticks):samples ()
    if mark_of (region) ~= known.mark or region:position ():samples () ~= place then return nil, "it was changed" end
    return track, region
  end

  return self
end

return drafts
