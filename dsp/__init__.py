"""From records to anomalies: who is beyond which limit, for how long, on what evidence.

`limits` is the table of signals, `arrays` what is remembered, `kernels` the compiled
loops over it (the only home of numba), `block` the way in, `episodes` the way out,
`ward` the pure core of it all, `snapshot` the file that survives a restart and
`service` the shell on the bus.
"""
