-- @description Sideman: an AI session player
-- @version 0.1.0
-- @author Sideman contributors
-- @provides
--   [main] Sideman - Generate for the time selection.lua
--   [main] Sideman - Next take.lua
--   [main] Sideman - Keep the take.lua
--   [main] Sideman - Cancel.lua
--   [main] Sideman - Prompt.lua
--   [nomain] modules/*.lua
-- @about
--   # Sideman
--
--   Tells the Sideman daemon of the project (tempo, meter, chords, drums, time selection) and puts its clips in as takes
--   of one item, each in one undo step. Run `sideman serve --host reaper` beside REAPER.

local folder = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or ""
local use = assert(loadfile(folder .. "modules/use.lua"))()(folder)
local Session = use("session")

local CYCLE_S = 0.1
local MOST_PROBLEMS = 10
local ENDS_WHEN_RUN_AGAIN = 1
local ACTIONS = { "Generate for the time selection", "Next take", "Keep the take", "Cancel", "Prompt" }

local _, _, section, command = reaper.get_action_context()
local session = Session.new(reaper.GetResourcePath() .. "/Sideman")
local problems, problem_count = {}, 0
local due_at = 0

local function show_running(state)
  reaper.SetToggleCommandState(section, command, state)
  reaper.RefreshToolbar2(section, command)
end

-- No error leaves the loop, and one kind of error is shown once.
local function guarded(work, ...)
  local good, problem = xpcall(work, debug.traceback, ...)
  if not good and not problems[problem] and problem_count < MOST_PROBLEMS then
    problems[problem], problem_count = true, problem_count + 1
    reaper.ShowConsoleMsg("Sideman met an error, and goes on. Please report it:\n" .. tostring(problem) .. "\n")
  end
end

local function cycle()
  local now = reaper.time_precise()
  if now >= due_at then
    due_at = now + CYCLE_S
    guarded(session.tick, session, now)
  else
    guarded(session.turn, session, now)
  end
  reaper.defer(cycle)
end

-- The other actions stand in the action list from the first run on.
local function register_actions()
  if reaper.GetExtState("Sideman", "folder") == folder then
    return
  end
  for index, name in ipairs(ACTIONS) do
    reaper.AddRemoveReaScript(true, 0, folder .. "Sideman - " .. name .. ".lua", index == #ACTIONS)
  end
  reaper.SetExtState("Sideman", "folder", folder, true)
end

if reaper.set_action_options then
  reaper.set_action_options(ENDS_WHEN_RUN_AGAIN)
end
reaper.atexit(function()
  guarded(session.close, session)
  show_running(0)
end)
guarded(register_actions)
show_running(1)
cycle()
