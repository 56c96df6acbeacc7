-- Continues the example of docs/clients.md, with its `daemon` and `bytes`. Prints what Neovim got
-- as JSON, with bytes in hexadecimal.
local function hex(s)
  return (s:gsub('.', function(c)
    return string.format('%02x', c:byte())
  end))
end

local function call(...)
  local ok, result = pcall(vim.rpcrequest, daemon, ...)
  return { ok = ok, result = result }
end

local large = vim.rpcrequest(daemon, 'random', 1048576)
local seen = {
  kind = type(bytes),
  bytes = hex(bytes),
  again = hex(vim.rpcrequest(daemon, 'random', 32)),
  largeSize = #large,
  largeNuls = select(2, large:gsub('%z', '')),
  fresh = #vim.rpcrequest(daemon, 'random', 7, { predictionResistance = true }),
  version = vim.rpcrequest(daemon, 'version'),
  health = vim.rpcrequest(daemon, 'health'),
  badLength = call('random', 0),
  noMethod = call('nope'),
}
-- If it were answered, Neovim would close the channel: no request has that id.
vim.rpcnotify(daemon, 'nope')
seen.afterwards = #vim.rpcrequest(daemon, 'random', 5)
io.stdout:write(vim.json.encode(seen))
