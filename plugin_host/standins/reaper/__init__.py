"""A stand-in for REAPER: the part of its API that the script calls, in Lua, and the program around it.

Its functions have the documented signatures, and an argument that does not keep to them fails. A gradual change of
tempo is linear over time, as public code that computes with REAPER's tempo map has it. Nobody has compared it with the
real program.
"""

from plugin_host.standins.reaper.lua import EmbeddedLua, Lua, LuaProcess, StandInError
from plugin_host.standins.reaper.program import Reaper

__all__ = ["EmbeddedLua", "Lua", "LuaProcess", "Reaper", "StandInError"]
