-- One line of figures at the end, for measure.py; latencies in microseconds. ARGS: "slow-every N" sends /slow once in N,
-- "post TYPE BODY" sends a body.
local every, count = 0, 0
local fast, slow

function init(args)
   if args[1] == "slow-every" then every = tonumber(args[2]) end
   if args[1] == "post" then
      wrk.method = "POST"
      wrk.headers["Content-Type"] = args[2]
      wrk.body = args[3]
   end
   fast = wrk.format()
   slow = wrk.format(nil, "/slow")
   if every == 0 then request = nil end
end

function request()
   count = count + 1
   if count % every == 0 then return slow end
   return fast
end

function done(summary, latency, requests)
   local e = summary.errors
   io.write(string.format(
      "FIGURES requests=%d bytes=%d micros=%d failed=%d p50=%.0f p99=%.0f max=%.0f\n",
      summary.requests, summary.bytes, summary.duration,
      e.connect + e.read + e.write + e.status + e.timeout,
      latency:percentile(50), latency:percentile(99), latency.max))
end
