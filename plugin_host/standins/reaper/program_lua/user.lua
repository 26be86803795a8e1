-- What a user does in REAPER, and what can be seen of it afterwards. Tracks and items are counted from 1.

local objects, media, time_line, Project, program, run = ...

local user = {}

local function list(values)
  values.is_list = true
  return values
end

local function edited()
  local project = program.project
  project.changes = project.changes + 1
  return project
end

-- Scripts and time

function user.run(given)
  run(given.path)
end

function user.tick(given)
  for _ = 1, given.count do
    program.tick(given.seconds)
  end
end

function user.wait_until(given)
  program.tick(math.max(0, given.now - program.now))
end

function user.let_clock_run()
  program.clock_runs = true
end

function user.close(given)
  program.close(given.crash)
end

-- REAPER is started again: projects are as they were, states that are not kept are gone.
function user.start()
  program.states = {}
  for key, value in pairs(program.kept) do
    program.states[key] = value
  end
  program.toggles = {}
end

function user.is_running(given)
  for _, script in ipairs(program.scripts) do
    if script.path == given.path then
      return true
    end
  end
  return false
end

function user.toggle(given)
  return program.toggles[program.by_path[given.path] or 0] or -1
end

function user.commands()
  return list({ table.unpack(program.commands) })
end

function user.messages()
  return {
    help = list({ table.unpack(program.help) }), console = list({ table.unpack(program.console) }),
    boxes = list({ table.unpack(program.boxes) }), errors = list({ table.unpack(program.errors) }),
  }
end

-- What is typed into the next dialogs; nothing cancels them.
function user.answer(given)
  program.answers = given.fields
end

function user.set_state(given)
  reaper.SetExtState("Sideman", given.key, given.value, false)
end

function user.globals()
  local names = {}
  for name in pairs(_G) do
    names[#names + 1] = tostring(name)
  end
  table.sort(names)
  return list(names)
end

-- A chunk of Lua with what it returns, as a script in REAPER would run it.
function user.evaluate(given)
  return assert(load(given.chunk, "evaluated", "t"))()
end

-- Any function of the API with any arguments: whether it takes them, and what it answers or says.
function user.call(given)
  local arguments = {}
  for index = 1, given.count do
    local one = given.arguments[index]
    arguments[index] = type(one) == "table" and user.object(one) or one
  end
  local results = table.pack(pcall(reaper[given.name], table.unpack(arguments, 1, given.count)))
  local good = table.remove(results, 1)
  results.n = nil
  return { good = good, results = list(results) }
end

function user.object(one)
  local track = program.project.tracks[one.track]
  local item = one.item and track.items[one.item]
  return one.take and item.takes[one.take] or item or track
end

-- Projects

function user.new_project(given)
  table.insert(program.projects, Project.new(given.name))
end

function user.choose_project(given)
  program.project = program.projects[given.number]
end

function user.close_project(given)
  local project = table.remove(program.projects, given.number)
  project.gone = true
  program.project = program.projects[1]
end

-- Tracks, items, regions

function user.add_track(given)
  local project = edited()
  table.insert(project.tracks, project:make_track(given.name))
  return #project.tracks
end

function user.name_track(given)
  edited().tracks[given.track].name = given.name
end

function user.delete_track(given)
  local project = edited()
  Project.lose(table.remove(project.tracks, given.track))
end

function user.freeze_track(given)
  edited().tracks[given.track].frozen = given.frozen
end

function user.refuse(given)
  program.project.tracks[given.track].refuses = given.refuses
end

function user.no_sources(given)
  program.no_sources = given.so
end

function user.takes_no_source(given)
  program.takes_no_source = given.so
end

function user.name_note(given)
  edited().tracks[given.track].note_names[given.pitch] = given.name
end

-- Where an item lies is given in beats; `notes` are those of its source, in beats of its own.
function user.add_midi_item(given)
  local project = edited()
  local track = project.tracks[given.track]
  local item = Project.make_item(track)
  local take = Project.make_take(item)
  take.source = media.of_notes(given.source_beats or given.beats, given.notes)
  item.takes[1] = take
  item.values.D_POSITION = time_line.to_time(project, given.at)
  item.values.D_LENGTH = time_line.to_time(project, given.at + given.beats) - item.values.D_POSITION
  for name, value in pairs(given.values or {}) do
    item.values[name] = value
  end
  for name, value in pairs(given.take_values or {}) do
    take.values[name] = value
  end
  table.insert(track.items, item)
  return #track.items
end

function user.add_audio_item(given)
  local track = edited().tracks[given.track]
  local item = Project.make_item(track)
  item.values.D_POSITION, item.values.D_LENGTH = given.position, given.length
  item.takes[1] = Project.make_take(item)
  item.takes[1].source = media.of_file(given.path or "")
  table.insert(track.items, item)
  return #track.items
end

function user.set_notes(given)
  local take = edited().tracks[given.track].items[given.item].takes[1]
  take.source = media.of_notes(take.source.beats, given.notes)
end

-- A second take, which is heard.
function user.add_midi_take(given)
  local item = edited().tracks[given.track].items[given.item]
  local take = Project.make_take(item)
  take.source = media.of_notes(given.source_beats, given.notes)
  table.insert(item.takes, take)
  item.active = #item.takes
end

function user.set_item(given)
  edited().tracks[given.track].items[given.item].values[given.name] = given.value
end

-- Change a take: one of its values, its name, or how many effects and stretch markers it has.
function user.set_take(given)
  local take = edited().tracks[given.track].items[given.item].takes[given.take]
  if take.values[given.name] ~= nil then
    take.values[given.name] = given.value
  else
    take[given.name] = given.value
  end
end

function user.choose_take(given)
  edited().tracks[given.track].items[given.item].active = given.take
end

function user.delete_item(given)
  local project = edited()
  Project.lose(table.remove(project.tracks[given.track].items, given.item))
end

function user.set_regions(given)
  local project = edited()
  project.regions = {}
  for _, one in ipairs(given.regions) do
    table.insert(project.regions, {
      from = time_line.to_time(project, one[1]), name = one[2], to = one[3] and time_line.to_time(project, one[3]),
    })
  end
end

-- Tempo and transport

function user.set_tempo(given)
  local project = program.project
  project:retime(function()
    project.bpm, project.num, project.den = given.bpm or project.bpm, given.num or project.num, given.den or project.den
  end)
end

-- Markers { seconds, bpm, numerator, denominator, whether the tempo changes gradually to the next }; 0/0 for no signature.
function user.set_markers(given)
  local project = program.project
  project:retime(function()
    project.markers = {}
    for _, one in ipairs(given.markers) do
      table.insert(project.markers, { time = one[1], bpm = one[2], num = one[3], den = one[4], linear = one[5] })
    end
  end)
end

-- Selections and places are given in beats. They are no change of the project's state.
function user.select(given)
  local project = program.project
  project.selection = { time_line.to_time(project, given.from), time_line.to_time(project, given.to) }
end

function user.loop(given)
  local project = program.project
  project.loop = { time_line.to_time(project, given.from), time_line.to_time(project, given.to) }
  project.repeats = given.repeats and 1 or 0
end

function user.locate(given)
  local project = program.project
  project.cursor = time_line.to_time(project, given.beat)
  project.position = project.cursor
end

function user.play(given)
  local project = program.project
  project.state = given.state
  project.position = given.state ~= 0 and project.position or project.cursor
end

function user.undo()
  return program.project:undo()
end

-- What can be seen

function user.beats(given)
  local answer = list({})
  for index, time in ipairs(given.times) do
    answer[index] = time_line.to_qn(program.project, time)
  end
  return answer
end

function user.times(given)
  local answer = list({})
  for index, beat in ipairs(given.beats) do
    answer[index] = time_line.to_time(program.project, beat)
  end
  return answer
end

local function seen_take(take)
  return {
    name = take.name, path = take.source and take.source.path or "", rate = take.values.D_PLAYRATE, ext = take.ext.sideman,
    seconds = take.source and take.source.seconds or 0, peaks = take.source and take.source.finished == true,
    notes = list({ table.unpack(take.source and take.source.notes or {}) }),
  }
end

local function seen_item(item)
  local takes = list({})
  for index, take in ipairs(item.takes) do
    takes[index] = seen_take(take)
  end
  local values = {}
  for name, value in pairs(item.values) do
    values[name] = value
  end
  return {
    position = item.values.D_POSITION, length = item.values.D_LENGTH, active = item.active, takes = takes, values = values,
    ext = item.ext.sideman,
  }
end

function user.project()
  local project = program.project
  local tracks = list({})
  for index, track in ipairs(project.tracks) do
    local items = list({})
    for number, item in ipairs(track.items) do
      items[number] = seen_item(item)
    end
    tracks[index] = { name = track.name, items = items }
  end
  local undo = list({})
  for index, point in ipairs(project.undo_points) do
    undo[index] = point.words
  end
  return {
    tracks = tracks, undo = undo, outside_of_blocks = project.outside_of_blocks, prevented = program.prevented,
    block_is_open = project.block ~= nil, cursor = project.cursor, bpm = project.bpm,
  }
end

return user
