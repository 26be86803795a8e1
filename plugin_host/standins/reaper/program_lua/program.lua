-- The program around a project: scripts and what they leave to be called, states, messages, files. It is told what to do
-- by lines (see program.py) and answers each with a line of JSON.

local folder, outside, resources = ...

local function load_part(name, ...)
  return assert(loadfile(folder .. "/" .. name .. ".lua"))(...)
end

local objects = load_part("objects")
local time_line = load_part("time_line")
local media = load_part("media", objects)
local Project = load_part("project", objects, media, time_line)

local program = {
  projects = {}, now = 1000.0, scripts = {}, by_path = {}, states = {}, kept = {}, help = {}, console = {}, boxes = {},
  toggles = {}, listings = {}, prevented = 0, turned_at = os.clock(), answers = nil, errors = {}, commands = {}, os = "Other", version = "7.22/linux",
}
program.project = Project.new()
program.projects[1] = program.project

local api = load_part("api", objects, media, time_line, Project, program)

-- Scripts

local FIRST_COMMAND = 55000

local function within(script, work)
  local before = program.script
  program.script = script
  local good, problem = xpcall(work, debug.traceback)
  program.script = before
  if not good then
    table.insert(program.errors, tostring(problem))
    script.ended = true
  end
end

function api.AddRemoveReaScript(add, _, path, _)
  local file = add and io.open(path, "rb")
  if not file then
    return 0
  end
  file:close()
  if not program.by_path[path] then
    table.insert(program.commands, path)
    program.by_path[path] = FIRST_COMMAND + #program.commands
  end
  return program.by_path[path]
end

local function end_script(script)
  script.ended = true
  within(script, function()
    for _, work in ipairs(script.at_exit) do
      work()
    end
  end)
  local index = objects.index_of(program.scripts, script)
  if index then
    table.remove(program.scripts, index)
  end
end

-- Run a script as the action list does. One that ends when it is run again ends.
local function run(path)
  for _, script in ipairs(program.scripts) do
    if script.path == path and script.ends_when_run_again then
      return end_script(script)
    end
  end
  local chunk, problem = loadfile(path)
  assert(chunk, problem)
  local script = { path = path, command = api.AddRemoveReaScript(true, 0, path, true), deferred = {}, at_exit = {} }
  table.insert(program.scripts, script)
  within(script, chunk)
  if #script.deferred == 0 then
    end_script(script)
  end
end

function api.Main_OnCommand(command, _)
  run(program.commands[command - FIRST_COMMAND])
end

function api.get_action_context()
  return false, program.script.path, 0, program.script.command, -1, 0, 0, ""
end

function api.set_action_options(flags)
  program.script.ends_when_run_again = flags & 1 ~= 0
end

function api.defer(work)
  table.insert(program.script.deferred, work)
end

function api.atexit(work)
  table.insert(program.script.at_exit, work)
end

-- The clock stands still in a turn, but where a benchmark wants to see what is cut short for taking too long.
function api.time_precise()
  return program.now + (program.clock_runs and os.clock() - program.turned_at or 0)
end

-- States and messages

local function state_key(section, key)
  return section .. "\0" .. key
end

function api.GetExtState(section, key)
  return program.states[state_key(section, key)] or ""
end

function api.SetExtState(section, key, value, persist)
  program.states[state_key(section, key)] = value
  program.kept[state_key(section, key)] = persist and value or nil
end

function api.DeleteExtState(section, key, _)
  program.states[state_key(section, key)] = nil
end

function api.SetToggleCommandState(_, command, state)
  program.toggles[command] = state
  return true
end

function api.RefreshToolbar2(_, _) end

function api.Help_Set(text, _)
  table.insert(program.help, text)
end

function api.ShowConsoleMsg(text)
  table.insert(program.console, text)
end

function api.MB(text, _, _)
  assert(#program.script.deferred == 0 and not program.ticking, "a dialog from the loop stops REAPER")
  table.insert(program.boxes, text)
  return 1
end

function api.GetUserInputs(_, count, captions, values)
  assert(not program.ticking, "a dialog from the loop stops REAPER")
  local separator = captions:match("separator=(.)") or ","
  local given = program.answers
  if not given then
    return false, values
  end
  assert(#given == count, "the dialog has other fields")
  return true, table.concat(given, separator)
end

-- Files and the system

-- A folder is listed once, and from memory after that, until it is asked for with -1.
function api.EnumerateFiles(path, index)
  if index == -1 then
    program.listings[path] = nil
    return nil
  end
  if not program.listings[path] then
    program.listings[path] = outside("list", path)
  end
  return program.listings[path][index + 1]
end

function api.RecursiveCreateDirectory(path, _)
  outside("make", path)
  return 1
end

function api.file_exists(path)
  local file = io.open(path, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

function api.GetResourcePath()
  return resources
end

function api.GetOS()
  return program.os
end

function api.GetAppVersion()
  return program.version
end

function api.APIExists(name)
  return api[name] ~= nil
end

reaper = load_part("checked", objects)(api)

-- A turn of REAPER's main loop: what is deferred is called once, and the song goes on while it plays.
function program.tick(seconds)
  program.now = program.now + seconds
  program.turned_at = os.clock()
  for _, project in ipairs(program.projects) do
    if project.state & 1 ~= 0 and project.state & 2 == 0 then
      project.position = project.position + seconds * project.rate
    end
  end
  program.ticking = true
  for _, script in ipairs({ table.unpack(program.scripts) }) do
    local deferred = script.deferred
    script.deferred = {}
    for _, work in ipairs(deferred) do
      if not script.ended then
        within(script, work)
      end
    end
    if #script.deferred == 0 and not script.ended then
      end_script(script)
    end
  end
  program.ticking = false
end

-- REAPER is closed; or it crashes, and nothing is told of it.
function program.close(crash)
  for _, script in ipairs({ table.unpack(program.scripts) }) do
    if not crash then
      end_script(script)
    end
  end
  program.scripts = {}
end

local user = load_part("user", objects, media, time_line, Project, program, run)
local json = load_part("json")

return function(line)
  local name, arguments = line:match("^(%S+) (.*)$")
  local good, answer = xpcall(function()
    local given = assert(load("return " .. arguments, "arguments", "t", {}))()
    return user[name](given)
  end, debug.traceback)
  return json({ good = good, answer = good and answer or nil, problem = not good and tostring(answer) or nil })
end
