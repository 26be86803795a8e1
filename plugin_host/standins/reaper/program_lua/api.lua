-- REAPER's functions, as far as the script calls them.

local objects, media, time_line, Project, program = ...

local api = {}

local function of(project)
  return (project == nil or project == 0) and program.project or project
end

-- Projects and time

function api.EnumProjects(index)
  local project = index == -1 and program.project or program.projects[index + 1]
  if not project then
    return nil, ""
  end
  return project, project.name
end

function api.GetProjectStateChangeCount(proj)
  return of(proj).changes
end

function api.CountTempoTimeSigMarkers(proj)
  return #of(proj).markers
end

function api.GetTempoTimeSigMarker(proj, index)
  local project = of(proj)
  local marker = project.markers[index + 1]
  if not marker then
    return false, 0.0, 0, 0.0, 0.0, 0, 0, false
  end
  local _, _, measure, beats = time_line.measure_at(project, marker.time)
  return true, marker.time, measure, beats, marker.bpm, marker.num, marker.den, marker.linear
end

function api.TimeMap_GetTimeSigAtTime(proj, time)
  local num, den = time_line.measure_at(of(proj), time)
  return num, den, time_line.bpm_at(of(proj), time)
end

function api.TimeMap_timeToQN_abs(proj, time)
  return time_line.to_qn(of(proj), time)
end

function api.TimeMap_QNToTime_abs(proj, qn)
  return time_line.to_time(of(proj), qn)
end

function api.format_timestr_pos(time, _, mode)
  assert(mode == 2, "the stand-in knows measures and beats alone")
  local _, _, measure, beats = time_line.measure_at(program.project, time)
  local hundredths = math.floor(beats * 100 + 0.5)
  return ("%d.%d.%02d"):format(measure + 1, hundredths // 100 + 1, hundredths % 100)
end

function api.EnumProjectMarkers3(proj, index)
  local one = of(proj).regions[index + 1]
  if not one then
    return 0, false, 0.0, 0.0, "", 0, 0
  end
  return index + 1, one.to ~= nil, one.from, one.to or 0.0, one.name, index + 1, 0
end

function api.GetSet_LoopTimeRange2(proj, set, is_loop)
  assert(not set, "the script only reads selections")
  local range = is_loop and of(proj).loop or of(proj).selection
  return range[1], range[2]
end

function api.GetSetRepeatEx(proj, value)
  assert(value == -1, "the script only reads Repeat")
  return of(proj).repeats
end

function api.GetPlayStateEx(proj)
  return of(proj).state
end

function api.GetPlayPositionEx(proj)
  return of(proj).position
end

function api.GetCursorPositionEx(proj)
  return of(proj).cursor
end

function api.Master_GetPlayRate(proj)
  return of(proj).rate
end

-- Tracks

function api.CountTracks(proj)
  return #of(proj).tracks
end

function api.GetTrack(proj, index)
  return of(proj).tracks[index + 1]
end

function api.InsertTrackAtIndex(index, _)
  local project = program.project
  project:insert(project.tracks, math.min(index, #project.tracks) + 1, project:make_track())
end

function api.DeleteTrack(track)
  track.project:remove(track.project.tracks, track)
end

function api.GetSetMediaTrackInfo_String(track, name, value, set)
  if name ~= "P_NAME" then
    return false, ""
  end
  if set then
    track.project:put(track, "name", value)
  end
  return true, track.name
end

function api.GetTrackStateChunk(track, _, _)
  local freeze = track.frozen and "<FREEZE 0 0 0\n>\n" or ""
  return true, ('<TRACK\nNAME "%s"\n%s>\n'):format(track.name, freeze)
end

function api.GetTrackMIDINoteNameEx(_, track, pitch, _)
  return track.note_names[pitch]
end

-- Items

function api.CountTrackMediaItems(track)
  return #track.items
end

function api.GetTrackMediaItem(track, index)
  return track.items[index + 1]
end

function api.GetMediaItem_Track(item)
  return item.track
end

function api.AddMediaItemToTrack(track)
  if track.refuses then
    error("the stand-in was told to fail")
  end
  local item = Project.make_item(track)
  track.project:insert(track.items, #track.items + 1, item)
  return item
end

function api.DeleteTrackMediaItem(track, item)
  if item.track ~= track then
    return false
  end
  track.project:remove(track.items, item)
  return true
end

function api.GetMediaItemInfo_Value(item, name)
  return item.values[name] + 0.0
end

function api.SetMediaItemInfo_Value(item, name, value)
  if item.values[name] == nil or (name == "D_LENGTH" and value < 0) then
    return false
  end
  local project = item.track.project
  project:put(item.values, name, value)
  if name == "D_POSITION" then
    table.sort(item.track.items, function(a, b)
      return a.values.D_POSITION < b.values.D_POSITION
    end)
  end
  return true
end

local function text_of(object, project, name, value, set)
  if name == "P_NAME" and object.kind == "MediaItem_Take" then
    if set then
      project:put(object, "name", value)
    end
    return true, object.name
  end
  local key = name:match("^P_EXT:([%w_]+)$")
  if not key then
    return false, ""
  end
  if set then
    project:put(object.ext, key, value)
  end
  return object.ext[key] ~= nil, object.ext[key] or ""
end

function api.GetSetMediaItemInfo_String(item, name, value, set)
  return text_of(item, item.track.project, name, value, set)
end

function api.UpdateItemInProject(_) end

-- An item's state as text: the stand-in writes a number, and keeps what it stands for, as far as takes go.
local states = {}

function api.GetItemStateChunk(item, _, _)
  local state = { takes = { table.unpack(item.takes) }, active = item.active, ext = item.ext.sideman, inside = {} }
  for index, take in ipairs(item.takes) do
    state.inside[index] = { take.source, take.name, take.ext.sideman }
  end
  states[#states + 1] = state
  return true, ("<ITEM\nSTATE %d\n>\n"):format(#states)
end

function api.SetItemStateChunk(item, chunk, _)
  local state = states[tonumber(chunk:match("\nSTATE (%d+)\n"))]
  if not state then
    return false
  end
  local project = item.track.project
  project:put(item, "takes", { table.unpack(state.takes) })
  project:put(item, "active", state.active)
  project:put(item.ext, "sideman", state.ext)
  for index, take in ipairs(state.takes) do
    local source, name, tag = table.unpack(state.inside[index])
    project:put(take, "source", source)
    project:put(take, "name", name)
    project:put(take.ext, "sideman", tag)
  end
  return true
end

local function selected(proj)
  local found = {}
  for _, track in ipairs(of(proj).tracks) do
    for _, item in ipairs(track.items) do
      if item.values.B_UISEL > 0 then
        found[#found + 1] = item
      end
    end
  end
  return found
end

function api.CountSelectedMediaItems(proj)
  return #selected(proj)
end

function api.GetSelectedMediaItem(proj, index)
  return selected(proj)[index + 1]
end

-- Takes

function api.CountTakes(item)
  return #item.takes
end

function api.GetTake(item, index)
  return item.takes[index + 1]
end

function api.GetActiveTake(item)
  return item.takes[item.active]
end

function api.SetActiveTake(take)
  local item = take.item
  item.track.project:put(item, "active", objects.index_of(item.takes, take))
end

function api.AddTakeToMediaItem(item)
  local take = Project.make_take(item)
  item.track.project:insert(item.takes, #item.takes + 1, take)
  return take
end

function api.GetSetMediaItemTakeInfo_String(take, name, value, set)
  return text_of(take, take.item.track.project, name, value, set)
end

function api.GetMediaItemTakeInfo_Value(take, name)
  return take.values[name] + 0.0
end

function api.SetMediaItemTakeInfo_Value(take, name, value)
  if take.values[name] == nil then
    return false
  end
  take.item.track.project:put(take.values, name, value)
  return true
end

function api.TakeFX_GetCount(take)
  return take.fx
end

function api.GetTakeNumStretchMarkers(take)
  return take.stretch_markers
end

function api.CountTakeEnvelopes(take)
  return take.envelopes
end

function api.TakeIsMIDI(take)
  return take.source ~= nil and take.source.type == "MIDI"
end

function api.MIDI_CountEvts(take)
  local count = api.TakeIsMIDI(take) and #take.source.notes or 0
  return count, count, 0, 0
end

function api.MIDI_GetNote(take, index)
  local note = api.TakeIsMIDI(take) and take.source.notes[index + 1]
  if not note then
    return false, false, false, 0.0, 0.0, 0, 0, 0
  end
  return true, false, note.muted, note.from + 0.0, note.to + 0.0, note.channel, note.pitch, note.vel
end

function api.MIDI_GetProjTimeFromPPQPos(take, ppq)
  local project = take.item.track.project
  return time_line.to_time(project, project:qn_of_ppq(take, ppq))
end

-- Sources

function api.PCM_Source_CreateFromFile(path)
  if program.no_sources then
    return nil
  end
  return media.of_file(path)
end

function api.PCM_Source_Destroy(source)
  assert(not source.used, "a source that a take has belongs to the take")
  source.gone = true
end

function api.SetMediaItemTake_Source(take, source)
  if program.takes_no_source then
    return false
  end
  if take.source then
    take.source.used = false -- it is whose who set it, until they destroy it
  end
  source.used = true
  take.item.track.project:put(take, "source", source)
  return true
end

function api.GetMediaItemTake_Source(take)
  return take.source
end

function api.GetMediaSourceLength(source)
  if source.beats then
    return source.beats + 0.0, true
  end
  return source.seconds + 0.0, false
end

function api.GetMediaSourceFileName(source)
  return source.path
end

function api.PCM_Source_BuildPeaks(source, mode)
  if mode == 0 then
    return source.peaks
  elseif mode == 1 then
    source.peaks = math.max(0, source.peaks - 1)
    return source.peaks
  end
  source.finished = true
  return 0
end

-- Undo and drawing

function api.Undo_BeginBlock2(proj)
  of(proj):begin_block()
end

function api.Undo_EndBlock2(proj, words, _)
  of(proj):end_block(words)
end

function api.PreventUIRefresh(count)
  program.prevented = program.prevented + count
end

function api.UpdateArrange() end

function api.ValidatePtr2(_, pointer, kind)
  return objects.is((kind:gsub("%*$", "")), pointer)
end

return api
