-- The kinds of objects that REAPER hands out, and what changes of the project: every change can be undone.

local objects = {}

local Kind = {}
Kind.__index = Kind
Kind.__tostring = function(object)
  return object.kind .. ": stand-in"
end

function objects.make(kind, values)
  values.kind = kind
  return setmetatable(values, Kind)
end

-- Whether a value is an object of a kind that is still there.
function objects.is(kind, value)
  return getmetatable(value) == Kind and value.kind == kind and not value.gone
end

function objects.index_of(list, wanted)
  for index, one in ipairs(list) do
    if one == wanted then
      return index
    end
  end
  return nil
end

return objects
