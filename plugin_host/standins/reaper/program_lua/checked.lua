-- The documented signatures, and the errors that REAPER raises for arguments that do not keep to them.
--
-- A name, then the arguments. More arguments than there are is an error here, though REAPER lets them pass.

local objects = ...

local SIGNATURES = [[
APIExists string
AddMediaItemToTrack MediaTrack
AddRemoveReaScript boolean integer string boolean
AddTakeToMediaItem MediaItem
CountSelectedMediaItems ReaProject
CountTakeEnvelopes MediaItem_Take
CountTakes MediaItem
CountTempoTimeSigMarkers ReaProject
CountTrackMediaItems MediaTrack
CountTracks ReaProject
DeleteExtState string string boolean
DeleteTrack MediaTrack
DeleteTrackMediaItem MediaTrack MediaItem
EnumProjectMarkers3 ReaProject integer
EnumProjects integer
EnumerateFiles string integer
GetActiveTake MediaItem
GetAppVersion
GetCursorPositionEx ReaProject
GetExtState string string
GetItemStateChunk MediaItem string boolean
GetMediaItemInfo_Value MediaItem string
GetMediaItemTakeInfo_Value MediaItem_Take string
GetMediaItemTake_Source MediaItem_Take
GetMediaItem_Track MediaItem
GetMediaSourceFileName PCM_source
GetMediaSourceLength PCM_source
GetOS
GetPlayPositionEx ReaProject
GetPlayStateEx ReaProject
GetProjectStateChangeCount ReaProject
GetResourcePath
GetSelectedMediaItem ReaProject integer
GetSetMediaItemInfo_String MediaItem string string boolean
GetSetMediaItemTakeInfo_String MediaItem_Take string string boolean
GetSetMediaTrackInfo_String MediaTrack string string boolean
GetSetRepeatEx ReaProject integer
GetSet_LoopTimeRange2 ReaProject boolean boolean number number boolean
GetTake MediaItem integer
GetTakeNumStretchMarkers MediaItem_Take
GetTempoTimeSigMarker ReaProject integer
GetToggleCommandStateEx integer integer
GetTrack ReaProject integer
GetTrackMIDINoteNameEx ReaProject MediaTrack integer integer
GetTrackMediaItem MediaTrack integer
GetTrackStateChunk MediaTrack string boolean
GetUserInputs string integer string string
Help_Set string boolean
InsertTrackAtIndex integer boolean
MB string string integer
MIDI_CountEvts MediaItem_Take
MIDI_GetNote MediaItem_Take integer
MIDI_GetProjTimeFromPPQPos MediaItem_Take number
Main_OnCommand integer integer
Master_GetPlayRate ReaProject
PCM_Source_BuildPeaks PCM_source integer
PCM_Source_CreateFromFile string
PCM_Source_Destroy PCM_source
PreventUIRefresh integer
RecursiveCreateDirectory string integer
RefreshToolbar2 integer integer
SetActiveTake MediaItem_Take
SetExtState string string string boolean
SetItemStateChunk MediaItem string boolean
SetMediaItemInfo_Value MediaItem string number
SetMediaItemTakeInfo_Value MediaItem_Take string number
SetMediaItemTake_Source MediaItem_Take PCM_source
SetToggleCommandState integer integer integer
ShowConsoleMsg string
TakeFX_GetCount MediaItem_Take
TakeIsMIDI MediaItem_Take
TimeMap_QNToTime_abs ReaProject number
TimeMap_timeToQN_abs ReaProject number
TimeMap_GetTimeSigAtTime ReaProject number
Undo_BeginBlock2 ReaProject
Undo_EndBlock2 ReaProject string integer
UpdateArrange
UpdateItemInProject MediaItem
ValidatePtr2 ReaProject any string
atexit function
defer function
file_exists string
format_timestr_pos number string integer
get_action_context
set_action_options integer
time_precise
]]

local function fits(kind, value)
  if kind == "any" then
    return true
  elseif kind == "ReaProject" then
    return value == nil or value == 0 or objects.is(kind, value)
  elseif kind == "integer" then
    return type(value) == "number" and math.tointeger(value) ~= nil
  elseif kind == "number" then
    return type(value) == "number" and value == value
  elseif kind == "string" or kind == "boolean" or kind == "function" then
    return type(value) == kind
  end
  return objects.is(kind, value)
end

local function check(name, kinds, count, ...)
  for index, kind in ipairs(kinds) do
    local value = (select(index, ...))
    if index > count or not fits(kind, value) then
      local got = index > count and "no value" or type(value)
      error(("bad argument #%d to '%s' (%s expected, got %s)"):format(index, name, kind, got), 3)
    end
  end
  if count > #kinds then
    error(("bad argument #%d to '%s' (there are %d arguments)"):format(#kinds + 1, name, #kinds), 3)
  end
end

-- The functions with their arguments checked; one without a signature, or a signature without one, is a mistake here.
return function(functions)
  local checked, known = {}, {}
  for line in SIGNATURES:gmatch("[^\n]+") do
    local name, rest = line:match("^(%S+)(.*)$")
    local kinds = {}
    for kind in rest:gmatch("%S+") do
      kinds[#kinds + 1] = kind
    end
    local work = assert(functions[name], name .. " has no function")
    known[name] = true
    checked[name] = function(...)
      check(name, kinds, select("#", ...), ...)
      return work(...)
    end
  end
  for name in pairs(functions) do
    assert(known[name], name .. " has no signature")
  end
  return checked
end
