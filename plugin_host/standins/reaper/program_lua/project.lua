-- A project: tracks with items and takes, tempo, markers, selections, transport and undo.

local objects, media, time_line = ...

local Project = {}
Project.__index = Project

function Project.new(name)
  local project = objects.make("ReaProject", {
    name = name or "", tracks = {}, markers = {}, regions = {}, bpm = 120, num = 4, den = 4, cursor = 0, state = 0,
    position = 0, rate = 1, repeats = 0, selection = { 0, 0 }, loop = { 0, 0 }, changes = 1, undo_points = {}, undone = {},
    outside_of_blocks = 0,
  })
  for key, method in pairs(Project) do
    project[key] = method
  end
  return project
end

-- Changes

-- Make a change that can be undone. Outside of an undo block the script has left it without an undo point.
function Project:change(back)
  self.changes = self.changes + 1
  if self.block then
    table.insert(self.block, back)
  else
    self.outside_of_blocks = self.outside_of_blocks + 1
  end
end

function Project:put(object, field, value)
  local before = object[field]
  object[field] = value
  self:change(function()
    object[field] = before
  end)
end

function Project:insert(list, index, object)
  table.insert(list, index, object)
  self:change(function()
    table.remove(list, objects.index_of(list, object))
    Project.lose(object)
  end)
end

function Project:remove(list, object)
  local index = objects.index_of(list, object)
  table.remove(list, index)
  object.gone = true
  self:change(function()
    table.insert(list, index, object)
    object.gone = nil
  end)
end

function Project.lose(object)
  object.gone = true
  for _, list in ipairs({ object.items or {}, object.takes or {} }) do
    for _, inner in ipairs(list) do
      Project.lose(inner)
    end
  end
end

function Project:begin_block()
  assert(not self.block, "undo blocks do not lie in each other")
  self.block = {}
end

function Project:end_block(words)
  assert(self.block, "no undo block is open")
  table.insert(self.undo_points, { words = words, changes = self.block })
  self.block = nil
  self.changes = self.changes + 1
end

-- What the user does with Edit, Undo.
function Project:undo()
  local point = table.remove(self.undo_points)
  for index = #point.changes, 1, -1 do
    point.changes[index]()
  end
  self.changes = self.changes + 1
  return point.words
end

-- Objects

function Project:make_track(name)
  return objects.make("MediaTrack", { name = name or "", items = {}, project = self, note_names = {} })
end

function Project.make_item(track)
  return objects.make("MediaItem", {
    track = track, takes = {}, active = 1, ext = {},
    values = {
      D_POSITION = 0, D_LENGTH = 0, B_MUTE = 0, B_LOOPSRC = 1, C_LOCK = 0, C_BEATATTACHMODE = -1, D_FADEINLEN = 0.01,
      D_FADEOUTLEN = 0.01, B_UISEL = 0, D_VOL = 1,
    },
  })
end

function Project.make_take(item)
  return objects.make("MediaItem_Take", {
    item = item, name = "", ext = {}, fx = 0, stretch_markers = 0, envelopes = 0,
    values = { D_STARTOFFS = 0, D_PLAYRATE = 1, B_PPITCH = 1, D_VOL = 1, D_PAN = 0, D_PITCH = 0 },
  })
end

-- A take's MIDI ticks as beats of the project, and its offset: the seconds of it at the tempo where the item begins.
function Project:qn_of_ppq(take, ppq)
  local at = take.item.values.D_POSITION
  local offset = take.values.D_STARTOFFS * time_line.bpm_at(self, at) / 60
  return time_line.to_qn(self, at) + (ppq / media.PPQ - offset) / take.values.D_PLAYRATE
end

-- Tempo

-- Items whose timebase is beats go with the tempo: with their length and rate (1), or with their position alone (2).
function Project:retime(change)
  local before = {}
  for _, track in ipairs(self.tracks) do
    for _, item in ipairs(track.items) do
      local at, length = item.values.D_POSITION, item.values.D_LENGTH
      before[#before + 1] = { item, time_line.to_qn(self, at), time_line.to_qn(self, at + length), length }
    end
  end
  change()
  self.segments = nil
  table.sort(self.markers, function(a, b)
    return a.time < b.time
  end)
  for _, one in ipairs(before) do
    local values = one[1].values
    local mode = values.C_BEATATTACHMODE
    if mode ~= 0 then
      values.D_POSITION = time_line.to_time(self, one[2])
    end
    if mode == 1 or mode == -1 then
      values.D_LENGTH = time_line.to_time(self, one[3]) - values.D_POSITION
      for _, take in ipairs(one[1].takes) do
        take.values.D_PLAYRATE = take.values.D_PLAYRATE * one[4] / values.D_LENGTH
      end
    end
  end
  self.changes = self.changes + 1
end

return Project
