-- KEYS: the calls, the pause, the quota of the headers
-- ARGV: name of the call, how many it counts as, time until it is seen (us), time to keep the entry (ms),
--       then calls and time (us) of each quota
-- Answers: 1 with a place, else 0; the time; the wait (us) and the number of its quota; the pause (ms) and its
--          refusal; calls and time of the first quota, where the headers gave another
local exact = function(number) return string.format('%.0f', number) end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local weight = tonumber(ARGV[2])

local calls, per = 0, 0
local adapted = redis.call('GET', KEYS[3])
if adapted then
    local known, length = string.match(adapted, '^(%d+) (%d+)$')
    if known then calls, per = tonumber(known), tonumber(length) end
end

local wait, by, longest = 0, 0, 0
for number = 1, (#ARGV - 4) / 2 do
    local most, length = tonumber(ARGV[3 + number * 2]), tonumber(ARGV[4 + number * 2])
    if number == 1 and calls > 0 then most, length = calls, per end
    longest = math.max(longest, length)
    local from = '(' .. exact(now - length)
    local too_many = redis.call('ZCOUNT', KEYS[1], from, '+inf') + math.min(weight, most) - most
    if too_many > 0 then
        -- Calls under way stand later than now: room comes when they are answered, at the earliest a window from now.
        local free = now + length
        local seen = redis.call('ZRANGEBYSCORE', KEYS[1], from, exact(now), 'WITHSCORES', 'LIMIT', too_many - 1, 1)
        if seen[2] then free = tonumber(seen[2]) + length end
        if free - now >= wait then wait, by = free - now, number end
    end
end

local pause, refusal = redis.call('PTTL', KEYS[2]), ''
if pause > 0 then refusal = redis.call('GET', KEYS[2]) or '' else pause = 0 end

if wait > 0 or pause > 0 then return {0, now, wait, by, pause, refusal, calls, per} end
local seen = exact(now + tonumber(ARGV[3]))
for number = 1, math.max(weight, 1) do
    redis.call('ZADD', KEYS[1], seen, ARGV[1] .. ':' .. number)
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', exact(now - longest))
redis.call('PEXPIRE', KEYS[1], math.max(tonumber(ARGV[4]), math.ceil(longest / 1000) + 60000))
return {1, now, 0, 0, 0, '', calls, per}
