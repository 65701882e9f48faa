"""The steps that Redis does for `redis_store` without anything in between, in Lua."""

_NOW = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
"""

REGISTER = """
local bound = redis.call('GET', KEYS[1])
if bound and bound ~= ARGV[1] then return 'taken' end
if redis.call('SISMEMBER', KEYS[2], ARGV[2]) == 0 and redis.call('SCARD', KEYS[2]) >= tonumber(ARGV[3]) then
    return 'full'
end
if not bound then redis.call('SET', KEYS[1], ARGV[1]) end
redis.call('SADD', KEYS[2], ARGV[2])
redis.call('EXPIRE', KEYS[3], ARGV[4])
redis.call('EXPIRE', KEYS[4], ARGV[4])
redis.call('PUBLISH', ARGV[5], ARGV[6])
return redis.call('SCARD', KEYS[4])
"""
"""Gives how many prekeys the device has left.

KEYS: the identity of a name, its devices, the device's signed keys, its prekeys.
ARGV: identity, device, most devices, seconds that the keys are kept, channel, news.
"""

SUCCEED = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('DEL', KEYS[2])
redis.call('SADD', KEYS[2], ARGV[3])
redis.call('RPUSH', KEYS[3], ARGV[4])
redis.call('LTRIM', KEYS[3], -tonumber(ARGV[5]), -1)
for at = 4, #KEYS do redis.call('DEL', KEYS[at]) end
redis.call('PUBLISH', ARGV[6], ARGV[7])
return 1
"""
"""Gives 0 if the name is bound to another key.

KEYS: the identity of a name, its devices, its successions, and what else is to go.
ARGV: old identity, new one, the device that goes on, the succession, most of them, channel, news.
"""

BUNDLE = """
local keys = redis.call('GET', KEYS[1])
local identity = redis.call('GET', KEYS[2])
if not keys or not identity then return nil end
return {keys, identity, redis.call('SPOP', KEYS[3])}
"""
"""KEYS: a device's signed keys, its person's identity, its prekeys. One of them is taken out, if there is one."""

_ITEMS = """
local function packed(since, till, who, data) return string.format('%014d%014d%-32s', since, till, who) .. data end
local function since(item) return tonumber(item:sub(1, 14)) end
local function till(item) return tonumber(item:sub(15, 28)) end
local function sender(item) return item:sub(29, 60) end
local function data(item) return item:sub(61) end
"""
# What waits in a mailbox: from when until when (milliseconds), whose it is (a name has 32 letters at most), and itself.

_BYTES = """
local function waiting(minute) return 'hullo:bytes:' .. minute end
local function forget(item)
    local minute = math.floor(since(item) / 60000)
    if redis.call('EXISTS', waiting(minute)) == 1 then redis.call('DECRBY', waiting(minute), #item) end
end
"""
# What waits is counted by the minute in which it came; two minutes later nothing of that can be there any more, and
# the count goes too, so that mailboxes which expire need nobody to count them off.

_FAIRNESS = """
local function made_room(mailbox, newcomer)
    local items, senders, counts, most = redis.call('LRANGE', mailbox, 0, -1), {}, {}, 0
    for at, item in ipairs(items) do
        local who = sender(item)
        senders[at], counts[who] = who, (counts[who] or 0) + 1
        most = math.max(most, counts[who])
    end
    if (counts[newcomer] or 0) + 1 >= most then return false end
    for at = #items, 1, -1 do
        if counts[senders[at]] == most then
            forget(items[at])
            redis.call('LREM', mailbox, -1, items[at])
            return true
        end
    end
end
"""
# The rule of `fairness`.

PUT = (
    _NOW
    + _ITEMS
    + _BYTES
    + _FAIRNESS
    + """
local minute = math.floor(now / 60000)
local oldest = redis.call('LINDEX', KEYS[1], 0)
while oldest and till(oldest) <= now do
    forget(redis.call('LPOP', KEYS[1]))
    oldest = redis.call('LINDEX', KEYS[1], 0)
end
local item = packed(now, now + ARGV[2], ARGV[7], ARGV[1])
local used = (redis.call('GET', waiting(minute)) or 0) + (redis.call('GET', waiting(minute - 1)) or 0)
if used + #item > tonumber(ARGV[4]) then return 0 end
if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[3]) and not made_room(KEYS[1], sender(item)) then return 0 end
redis.call('RPUSH', KEYS[1], item)
redis.call('PEXPIRE', KEYS[1], 60000)
redis.call('INCRBY', waiting(minute), #item)
redis.call('EXPIRE', waiting(minute), 150)
redis.call('PUBLISH', ARGV[5], ARGV[6])
return 1
"""
)
"""KEYS: a mailbox.
ARGV: envelope, milliseconds (60,000 at most), most envelopes, most bytes of all, channel, news, who sends it.
"""

TAKE = (
    _NOW
    + _ITEMS
    + _BYTES
    + """
local found = {}
for _, item in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
    forget(item)
    if till(item) > now then found[#found + 1] = {now - since(item), data(item)} end
end
redis.call('DEL', KEYS[1])
return found
"""
)
"""KEYS: a mailbox. Gives the milliseconds that each envelope has waited, and the envelope."""

ALLOW = (
    _NOW
    + """
local rate, burst, amount = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local level = tonumber(redis.call('HGET', KEYS[1], 'level') or burst)
local since = tonumber(redis.call('HGET', KEYS[1], 'since') or now)
level = math.min(burst, level + math.max(now - since, 0) / 1000 * rate)
local allowed = level >= amount
if allowed then level = level - amount end
redis.call('HSET', KEYS[1], 'level', tostring(level), 'since', string.format('%d', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000))
return allowed and 1 or 0
"""
)
"""KEYS: a token bucket. ARGV: tokens a second, most tokens, tokens that are wanted. A full bucket is forgotten."""
