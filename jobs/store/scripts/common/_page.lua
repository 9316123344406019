-- Reads a page of an index by time, newest first.

-- Looks at up to `scan` ids from `newest` on, or from the place (after_created, after_id) where the
-- page before ended; "" if there is none. Ids of one millisecond come in descending order.
-- `take(id)` returns what to show of an id, nil to pass over it.
-- Returns {what was taken, created, id}: the last two say where the next page starts, false if
-- there is none.
local function page_of(index, newest, oldest, after_created, after_id, limit, scan, take)
  local taken, last_created, last_id, looked, skip = {}, after_created, after_id, 0, 0
  local from = after_created ~= '' and after_created or newest
  while looked < scan do
    local page = redis.call('ZREVRANGEBYSCORE', index, from, oldest, 'WITHSCORES', 'LIMIT', skip, 100)
    for i = 1, #page, 2 do
      local id, created = page[i], page[i + 1]
      looked = looked + 1
      if created ~= after_created or id < after_id then
        local shown = take(id)
        if shown then
          if #taken == tonumber(limit) then return { taken, last_created, last_id } end
          taken[#taken + 1] = shown
        end
        last_created, last_id = created, id
      end
    end
    if #page < 200 then return { taken, false, false } end
    skip = skip + 100
  end
  return { taken, last_created, last_id }
end
