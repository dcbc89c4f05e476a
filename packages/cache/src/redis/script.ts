/**
 * Carries out a batch of changes, once: a batch that comes a second time, because its answer was lost, gets the replies of
 * the first time.
 *
 * KEYS: the session, which keeps the number of its last batch and the replies to it. ARGV: the number of this batch, how
 * long to keep the session in milliseconds, and for each change its name, the count of its arguments, and these. A reply
 * is a list: the value, or `false` and an error. An optional text is empty, or comes after a `=`.
 */
export const script = `
local session, number, ttl = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local saved = redis.call('GET', session)
if saved then
  local last = cmsgpack.unpack(saved)
  if last[1] == number then return last[2] end
  if last[1] > number then return redis.error_reply('STALE a later batch of this session was carried out') end
end
-- Before anything else: where nothing can be written, nothing is done.
redis.call('SET', session, cmsgpack.pack({number, {}}), 'PX', ttl)

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function text(optional)
  if optional == '' then return false end
  return string.sub(optional, 2)
end
-- The names that there are of each kind, in order: those of a scope are found without a look at all others. A name may be
-- left over, of what has expired; none is ever missing.
local function placeOf(key)
  local root, kind, name = string.match(key, '^([^:]*):([^:]*):(.*)$')
  return root .. ':names:' .. kind, name, root .. ':expiring:' .. kind
end
local function note(key)
  local names, name = placeOf(key)
  redis.call('ZADD', names, 0, name)
end
local function forget(key)
  local names, name, expiring = placeOf(key)
  redis.call('ZREM', names, name)
  redis.call('ZREM', expiring, name)
end
-- Those that nobody asks for again must go as well: some of them with each one that comes.
local function noteUntil(key, ttlMs)
  local names, name, expiring = placeOf(key)
  local start = string.sub(key, 1, #key - #name)
  for _, due in ipairs(redis.call('ZRANGEBYSCORE', expiring, '-inf', now(), 'LIMIT', 0, 10)) do
    if redis.call('EXISTS', start .. due) == 0 then forget(start .. due) end
  end
  redis.call('ZADD', names, 0, name)
  redis.call('ZADD', expiring, string.format('%.0f', now() + tonumber(ttlMs)), name)
end
local function set(key, value, ttlMs)
  if ttlMs == '' then
    note(key)
    redis.call('SET', key, value)
  else
    noteUntil(key, ttlMs)
    redis.call('SET', key, value, 'PX', ttlMs)
  end
end
-- Who waits for something at a key hears of it in the channel of the same name.
local function ring(key) redis.call('PUBLISH', key, '') end
local function keep(ttlMs, ...)
  for _, key in ipairs({...}) do redis.call('PEXPIRE', key, ttlMs) end
end

local changes = {}
function changes.skip() return false end

function changes.set(key, value, ttlMs)
  set(key, value, ttlMs)
  return 1
end
function changes.replace(key, before, after, ttlMs)
  if redis.call('GET', key) ~= text(before) then return 0 end
  if after == '' then changes.delete(key) else set(key, text(after), ttlMs) end
  return 1
end
function changes.delete(...)
  for _, key in ipairs({...}) do forget(key) end
  return redis.call('UNLINK', ...)
end
function changes.forgetGone(...)
  for _, key in ipairs({...}) do
    if redis.call('EXISTS', key) == 0 then forget(key) end
  end
  return 1
end

function changes.push(mailbox, message)
  if redis.call('RPUSH', mailbox, message) == 1 then
    note(mailbox)
    -- Whoever waits has seen it empty.
    ring(mailbox)
  end
  return 1
end
function changes.take(mailbox, count)
  local messages = redis.call('LPOP', mailbox, count)
  if messages and redis.call('EXISTS', mailbox) == 0 then forget(mailbox) end
  return messages
end
function changes.giveBack(mailbox, ...)
  local messages = {...}
  note(mailbox)
  for index = #messages, 1, -1 do redis.call('LPUSH', mailbox, messages[index]) end
  ring(mailbox)
  return #messages
end

function changes.broadcast(channel, message) return redis.call('PUBLISH', channel, message) end

function changes.acquire(lock, tokens, owner, ttlMs)
  if not redis.call('SET', lock, owner, 'NX', 'PX', ttlMs) then return false end
  -- Greater than every one before, also where Redis has lost the last one.
  local token = math.max((tonumber(redis.call('GET', tokens)) or 0) + 1, now())
  redis.call('SET', tokens, string.format('%.0f', token))
  return token
end
function changes.renew(lock, owner, ttlMs)
  if redis.call('GET', lock) ~= owner then return 0 end
  return redis.call('PEXPIRE', lock, ttlMs)
end
function changes.release(lock, owner)
  if redis.call('GET', lock) ~= owner then return 0 end
  redis.call('DEL', lock)
  ring(lock)
  return 1
end

function changes.beginRun(run, chat, info, lostMs, ttlMs)
  if redis.call('EXISTS', run) == 1 then return 0 end
  local before = redis.call('GET', chat)
  if before then
    local state = redis.call('HMGET', before, 'isOver', 'beat')
    if state[2] and not state[1] and now() - tonumber(state[2]) < tonumber(lostMs) then return 0 end
  end
  redis.call('HSET', run, 'info', info, 'chat', chat, 'beat', string.format('%.0f', now()))
  redis.call('SET', chat, run)
  keep(ttlMs, run, chat)
  return 1
end
function changes.appendLines(run, lines, ttlMs, isLast, ...)
  local chat = redis.call('HGET', run, 'chat')
  if not chat then return 0 end
  for _, line in ipairs({...}) do redis.call('RPUSH', lines, line) end
  if isLast == '1' then redis.call('HSET', run, 'isOver', '1') end
  redis.call('HSET', run, 'beat', string.format('%.0f', now()))
  keep(ttlMs, run, lines)
  if redis.call('GET', chat) == run then keep(ttlMs, chat) end
  ring(run)
  return 1
end
function changes.stopRun(run, reason)
  if redis.call('EXISTS', run) == 0 then return 0 end
  redis.call('HSETNX', run, 'stop', reason)
  return 1
end
function changes.beatRun(run, lines, ttlMs)
  if redis.call('EXISTS', run) == 0 then return 0 end
  redis.call('HSET', run, 'beat', string.format('%.0f', now()))
  keep(ttlMs, run, lines)
  return {redis.call('HGET', run, 'stop')}
end

local replies, at = {}, 3
while at <= #ARGV do
  local name, count = ARGV[at], tonumber(ARGV[at + 1])
  local done, reply = pcall(changes[name], unpack(ARGV, at + 2, at + 1 + count))
  if done then
    replies[#replies + 1] = {reply}
  else
    replies[#replies + 1] = {false, type(reply) == 'table' and reply.err or tostring(reply)}
  end
  at = at + 2 + count
end
redis.call('SET', session, cmsgpack.pack({number, replies}), 'PX', ttl)
return replies
`;
