"""From records to anomalies: who is beyond which limit, for how long, on what evidence.

`limits` is the table of signals; `arrays`, `heart` and `decline` what is remembered;
`kernels` the compiled loops over it (the only home of numba); `block` the way in,
`episodes` and `sentences` the way out; `ward` the pure core, of `devices`, `patients`,
`hearts`, `declines`, `sessions` and `forecasts`, with `calendars` of what plans say and
`standing` of what is open; `snapshot` the file that survives a restart; `service` the
shell on the bus; `offline` the same kernels on whole arrays.
"""
