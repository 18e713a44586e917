"""What runs inside Redis: each script is one round trip and one step for everybody else.

For each subject (KEYS), below its own key:
  :r  sorted set, request id by the time of its admission: the requests of the last minute
  :t  sorted set, `id:tokens` by the time of settlement; :s is the sum of their tokens
  :l  sorted set, `id:estimate` by the time the lease runs out; :h is the sum of the estimates
Times are Redis' own, in ms. A set and its sum are always written together and expire together.
"""

_COMMON = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function number(member)
  return tonumber(string.match(member, ':(%d+)$'))
end

local function forget(set, sum, upto)
  local gone = redis.call('ZRANGEBYSCORE', set, '-inf', upto)
  if #gone == 0 then return end
  local less = 0
  for _, member in ipairs(gone) do less = less + number(member) end
  redis.call('ZREMRANGEBYSCORE', set, '-inf', upto)
  redis.call('DECRBY', sum, less)
end

local function total(sum)
  return tonumber(redis.call('GET', sum) or '0')
end

local function keep(window, ...)
  for _, key in ipairs({...}) do redis.call('PEXPIRE', key, 2 * window) end
end
"""

ADMIT = (
    _COMMON
    + """
local id, estimate, window, life, soon = ARGV[1], ARGV[2], ARGV[3] + 0, ARGV[4] + 0, ARGV[5] + 0
local none = -1

local function limits(i)
  return ARGV[3 + 3 * i] + 0, ARGV[4 + 3 * i] + 0, ARGV[5 + 3 * i] + 0
end

local function tokens_below(key, limit)
  local left = total(key .. ':s')
  if left < limit then return soon end
  local found = redis.call('ZRANGE', key .. ':t', 0, -1, 'WITHSCORES')
  for j = 1, #found, 2 do
    left = left - number(found[j])
    if left < limit then return found[j + 1] + window - now end
  end
  return window
end

local function room(key, requests, tokens)
  local last_r = redis.call('ZRANGE', key .. ':r', -1, -1, 'WITHSCORES')
  local last_t = redis.call('ZRANGE', key .. ':t', -1, -1, 'WITHSCORES')
  return {
    math.max(0, requests - redis.call('ZCARD', key .. ':r')),
    last_r[2] and last_r[2] + window - now or 0,
    math.max(0, tokens - total(key .. ':s') - total(key .. ':h')),
    last_t[2] and last_t[2] + window - now or 0
  }
end

for i, key in ipairs(KEYS) do
  local requests, tokens, parallel = limits(i)
  redis.call('ZREMRANGEBYSCORE', key .. ':r', '-inf', now - window)
  forget(key .. ':t', key .. ':s', now - window)
  forget(key .. ':l', key .. ':h', now)
  local count = redis.call('ZCARD', key .. ':r')
  if requests ~= none and count >= requests then
    local last = redis.call('ZRANGE', key .. ':r', count - requests, count - requests, 'WITHSCORES')
    local after = last[2] and last[2] + window - now or window
    return {0, i, 'requests', after, room(key, requests, tokens)}
  end
  if tokens ~= none and total(key .. ':s') + total(key .. ':h') >= tokens then
    return {0, i, 'tokens', tokens_below(key, tokens), room(key, requests, tokens)}
  end
  if parallel ~= none and redis.call('ZCARD', key .. ':l') >= parallel then
    return {0, i, 'parallel', soon, room(key, requests, tokens)}
  end
end

local rooms = {}
for i, key in ipairs(KEYS) do
  local requests, tokens, parallel = limits(i)
  if requests ~= none then redis.call('ZADD', key .. ':r', now, id) end
  redis.call('ZADD', key .. ':l', now + life, id .. ':' .. estimate)
  redis.call('INCRBY', key .. ':h', estimate)
  keep(window, key .. ':r', key .. ':t', key .. ':s', key .. ':l', key .. ':h')
  rooms[i] = room(key, requests, tokens)
end
return {1, rooms}
"""
)

# ARGV: id, estimate, tokens, window; KEYS[i] counts tokens where ARGV[4 + i] is 1. Tokens of -1:
# the request is taken back.
SETTLE = (
    _COMMON
    + """
local id, estimate, tokens, window = ARGV[1], ARGV[2], ARGV[3], ARGV[4] + 0
for i, key in ipairs(KEYS) do
  if redis.call('ZREM', key .. ':l', id .. ':' .. estimate) == 1 then
    redis.call('DECRBY', key .. ':h', estimate)
  end
  if tokens == '-1' then
    redis.call('ZREM', key .. ':r', id)
  elseif tokens ~= '0' and ARGV[4 + i] == '1' then
    redis.call('ZADD', key .. ':t', now, id .. ':' .. tokens)
    redis.call('INCRBY', key .. ':s', tokens)
    keep(window, key .. ':t', key .. ':s')
  end
end
"""
)

# One subject's leases (ARGV[4] and on, `id:estimate`) live on. Those that Redis does not know any
# more are made again only where ARGV[3] is 1: else a settled one could come back.
BEAT = (
    _COMMON
    + """
local key, life, window, revive = KEYS[1], ARGV[1] + 0, ARGV[2] + 0, ARGV[3] == '1'
local set = key .. ':l'
for i = 4, #ARGV do
  local known = redis.call('ZSCORE', set, ARGV[i])
  if known then
    redis.call('ZADD', set, now + life, ARGV[i])
  elseif revive then
    redis.call('ZADD', set, now + life, ARGV[i])
    redis.call('INCRBY', key .. ':h', number(ARGV[i]))
  end
end
keep(window, set, key .. ':h')
"""
)
