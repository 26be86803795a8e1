-- Clips into the project: one at a time, each in one undo block.
--
-- A clip that was offered is answered once with where it went or why not. The daemon offers again what was not answered;
-- an offer that is known is answered as before and not placed twice.

local use = ...
local drafts, places = use("drafts"), use("places")

local Placer = {}
Placer.__index = Placer

local MOST_WAITING = 64
local MOST_KNOWN = 1024
local TAGS = "isissffffiii" -- and a text where the clip replaces a draft
local SAME_S = 0.0005 -- a clip that is as long as its bars but for this is played as it is
local ALL = -1 -- every kind of state is in the undo point
local BEATS, BEATS_POSITION = 1, 2 -- timebases of an item: with its length and rate, or its position alone

-- What the daemon says of a clip in /sideman/place; nil for other arguments than this script knows.
local function offer_of(run, message)
  local tags = message.tags:gsub("d", "f"):gsub("h", "i")
  if tags ~= TAGS and tags ~= TAGS .. "s" then
    return nil
  end
  return {
    key = run .. " " .. message[1], run = run, number = message[1], id = message[2], take = message[3], path = message[4],
    target = message[5], start = message[6], beats = message[7], seconds = message[8], tempo = message[9],
    again = message[12] ~= 0, replaces = message[13] ~= "" and message[13] or nil, name = places.name_of(message[4]),
  }
end

-- `say` shows a line; `tell_user` shows what needs the user; `home_of` is the project that a request was made in.
function Placer.new(send, say, tell_user, home_of)
  return setmetatable({
    send = send, say = say, tell_user = tell_user, home_of = home_of, waiting = {}, known = {}, order = {}, peaks = {},
  }, Placer)
end

-- An offer came: a new one waits its turn, one that was answered is answered again.
function Placer:take(run, message)
  local offer = offer_of(run, message)
  if not offer then
    self.say("The daemon offers clips in another way than this script knows: install it anew, sideman install reaper.")
    return
  end
  local answer = self.known[offer.key]
  if answer then
    self.send(table.unpack(answer))
    return
  end
  if answer == nil and #self.waiting < MOST_WAITING then
    self.known[offer.key] = false
    table.insert(self.waiting, offer)
  end
end

-- The run of the daemon that is answered: another one's offers have the same numbers, and are other clips.
function Placer:serve(run)
  self.run = run
end

-- One clip, one slice of looking for it, or one slice of the peaks of one that is placed.
function Placer:tick(proj)
  if self.work then
    self:go_on(proj)
  elseif #self.waiting > 0 then
    self:begin(proj)
  elseif #self.peaks > 0 then
    self:build_peaks()
  end
end

-- The first offer whose project is open now. One whose project is in another tab waits until that tab is chosen.
function Placer:begin(proj)
  for index, offer in ipairs(self.waiting) do
    local home = self.home_of(offer.id)
    if home == proj or home == nil then
      table.remove(self.waiting, index)
      self.work = coroutine.create(function()
        self:place(proj, offer)
      end)
      self.offer, self.work_proj = offer, proj
      return self:resume()
    elseif not self:is_open(home) then
      table.remove(self.waiting, index)
      return self:failed(offer, "The project that the clip was made for is closed.")
    elseif not offer.told then
      offer.told = true
      self.say(("%s waits for the project tab that it was asked in."):format(offer.name))
    end
  end
end

-- A new track goes into the tab that is chosen, so a clip is placed while its own is.
function Placer:go_on(proj)
  if proj == self.work_proj then
    self:resume()
  elseif not self:is_open(self.work_proj) then
    self.work = nil
    self:failed(self.offer, "The project that the clip was made for is closed.")
  end
end

function Placer:is_open(home)
  local index = 0
  local other = reaper.EnumProjects(index)
  while other do
    if other == home then
      return true
    end
    index = index + 1
    other = reaper.EnumProjects(index)
  end
  return false
end

function Placer:resume()
  local good, problem = coroutine.resume(self.work)
  if coroutine.status(self.work) == "dead" then
    self.work = nil
  end
  if not good then
    self:failed(self.offer, "REAPER does not take it: " .. tostring(problem))
  end
end

function Placer:place(proj, offer)
  local found = offer.again and places.holding(proj, offer.path, coroutine.yield)
  if found then
    return self:placed(offer, found .. ", where it was already")
  end
  if not reaper.file_exists(offer.path) then
    return self:failed(offer, ("The file of %s is gone."):format(offer.name))
  end
  local fit = self.fit_of(proj, offer)
  local place, why, draft, stays
  if offer.replaces then
    draft, stays = drafts.find(proj, offer, fit, coroutine.yield)
  end
  if draft then
    place = { track = draft.track, item = draft.item, draft = draft }
  else
    place, why = places.find(proj, offer.target, fit.at, fit.at + fit.length)
  end
  if not place then
    return self:failed(offer, why)
  end
  local source = reaper.PCM_Source_CreateFromFile(offer.path)
  if not source or reaper.GetMediaSourceLength(source) <= 0 then
    if source then
      reaper.PCM_Source_Destroy(source)
    end
    return self:failed(offer, ("REAPER cannot read the file of %s."):format(offer.name))
  end
  local good, where = self:in_one_step(proj, offer, place, fit, source)
  if good then
    local draft_is = draft and drafts.IN_PLACE or stays and drafts.stays(stays) or ""
    self:placed(offer, where .. fit.remark .. draft_is)
  else
    self:failed(offer, "REAPER does not take it: " .. tostring(where))
  end
end

-- Where the clip begins and how it is stretched: as it is where it fills its bars, else to the tempo that is there now.
function Placer.fit_of(proj, offer)
  local at = reaper.TimeMap_QNToTime_abs(proj, offer.start)
  local middle = reaper.TimeMap_QNToTime_abs(proj, offer.start + offer.beats / 2)
  local room = reaper.TimeMap_QNToTime_abs(proj, offer.start + offer.beats) - at
  local even = math.abs(2 * (middle - at) - room) < SAME_S
  local steady = math.abs(offer.seconds - offer.beats * 60 / offer.tempo) < 0.005
  local fit = { at = at, length = offer.seconds, rate = 1, timebase = BEATS, remark = "" }
  if not (steady and even) then
    fit.timebase = BEATS_POSITION
    fit.remark = math.abs(room - offer.seconds) < SAME_S and ""
      or " (the tempo is another than it was made in, so it does not end on its bar line)"
  elseif math.abs(room - offer.seconds) >= SAME_S then
    fit.rate, fit.length = offer.seconds / room, room
  end
  return fit
end

-- Everything that changes the project, in one undo block. Returns whether it went well, and where the clip is or why not.
function Placer:in_one_step(proj, offer, place, fit, source)
  local made, used, before = {}, false, nil
  if place.item then
    made.into = { place.item, select(2, reaper.GetItemStateChunk(place.item, "", false)) }
  end
  reaper.Undo_BeginBlock2(proj)
  reaper.PreventUIRefresh(1)
  local good, answer = pcall(function()
    if place.draft then
      before = drafts.put(place.draft, source)
      used = true
      self.dress(place.draft.take, offer, fit)
      reaper.UpdateItemInProject(place.item)
      return places.words(proj, place.track, place.item, place.draft.number)
    end
    if not place.track then
      place.track = places.make_track(proj, place.name)
      made.track = place.track
    end
    local item = place.item
    if not item then
      item = reaper.AddMediaItemToTrack(place.track)
      made.item = item
      self.shape(item, offer, fit)
    end
    local take = reaper.AddTakeToMediaItem(item)
    used = reaper.SetMediaItemTake_Source(take, source)
    if not used then
      error("it does not put the file into a take", 0)
    end
    self.dress(take, offer, fit)
    self:choose(item, take, offer)
    reaper.UpdateItemInProject(item)
    return places.words(proj, place.track, item, reaper.CountTakes(item) - 1)
  end)
  if not good then
    self.take_back(made, not used and source or nil)
  end
  reaper.PreventUIRefresh(-1)
  reaper.UpdateArrange()
  local words = good and "Sideman: " .. offer.name or "Sideman"
  reaper.Undo_EndBlock2(proj, words, ALL)
  if good then
    table.insert(self.peaks, { source = source, proj = proj })
    if before then
      reaper.PCM_Source_Destroy(before)
    end
  end
  return good, answer
end

-- Nothing half-made stays, and an item that was there is as it was.
function Placer.take_back(made, source)
  pcall(function()
    if made.into then
      reaper.SetItemStateChunk(made.into[1], made.into[2], false)
    end
    if made.item then
      reaper.DeleteTrackMediaItem(reaper.GetMediaItem_Track(made.item), made.item)
    end
    if made.track then
      reaper.DeleteTrack(made.track)
    end
    if source then
      reaper.PCM_Source_Destroy(source)
    end
  end)
end

function Placer.shape(item, offer, fit)
  local values = {
    D_POSITION = fit.at, D_LENGTH = fit.length, C_BEATATTACHMODE = fit.timebase,
    B_LOOPSRC = fit.timebase == BEATS and 1 or 0, D_FADEINLEN = 0, D_FADEOUTLEN = 0,
  }
  -- The timebase first: REAPER may move an item whose timebase changes.
  reaper.SetMediaItemInfo_Value(item, "C_BEATATTACHMODE", values.C_BEATATTACHMODE)
  for _, name in ipairs({ "D_POSITION", "D_LENGTH", "B_LOOPSRC", "D_FADEINLEN", "D_FADEOUTLEN" }) do
    reaper.SetMediaItemInfo_Value(item, name, values[name])
  end
  reaper.GetSetMediaItemInfo_String(item, places.TAG, offer.id, true)
end

function Placer.dress(take, offer, fit)
  reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", offer.name, true)
  reaper.GetSetMediaItemTakeInfo_String(take, places.TAG, places.take_tag(offer), true)
  if fit.rate ~= 1 then
    reaper.SetMediaItemTakeInfo_Value(take, "D_PLAYRATE", fit.rate)
    reaper.SetMediaItemTakeInfo_Value(take, "B_PPITCH", 1)
  end
end

-- The first take of a request is heard at once; its further takes leave the user's choice as it is.
function Placer:choose(item, take, offer)
  local _, id = reaper.GetSetMediaItemInfo_String(item, places.TAG, "", false)
  if reaper.CountTakes(item) == 1 or id ~= offer.id then
    reaper.SetActiveTake(take)
    reaper.GetSetMediaItemInfo_String(item, places.TAG, offer.id, true)
  end
end

-- Peaks of what was placed: begun, a slice each cycle, and ended.
function Placer:build_peaks()
  local one = self.peaks[1]
  if not reaper.ValidatePtr2(one.proj, one.source, "PCM_source*") then
    table.remove(self.peaks, 1)
  elseif not one.begun then
    one.begun = true
    if reaper.PCM_Source_BuildPeaks(one.source, 0) == 0 then
      table.remove(self.peaks, 1)
    end
  elseif reaper.PCM_Source_BuildPeaks(one.source, 1) == 0 then
    reaper.PCM_Source_BuildPeaks(one.source, 2)
    reaper.UpdateArrange()
    table.remove(self.peaks, 1)
  end
end

-- Answers

function Placer:placed(offer, where)
  self:answer(offer, { "/sideman/place/done", "is", offer.number, where })
  self.say(("%s is on %s"):format(offer.name, where))
end

function Placer:failed(offer, why)
  if offer.replaces then
    why = why .. " Its draft stays where it is."
  end
  self:answer(offer, { "/sideman/place/failed", "is", offer.number, why })
  self.tell_user(("%s Its file: %s"):format(why, offer.path))
end

function Placer:answer(offer, answer)
  self.known[offer.key] = answer
  table.insert(self.order, offer.key)
  if #self.order > MOST_KNOWN then
    self.known[table.remove(self.order, 1)] = nil
  end
  if offer.run == self.run then
    self.send(table.unpack(answer))
  end
end

-- Nothing goes on; what was not placed is offered again to whoever comes next.
function Placer:close()
  self.waiting, self.work, self.peaks = {}, nil, {}
end

return Placer
