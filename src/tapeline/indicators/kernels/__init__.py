"""The kernels: one small function an indicator, compiled one by one when an engine first needs them.

Every kernel has the same signature, `kernel(x, s, a, p, y, z, w, u, k, m)`, and carries its indicator over `m` bars of
one symbol, the bars number `k` to `k + m - 1` since the symbol's first (which is 0):

- `x`: the symbol's columns. `x[a[0] + i]` is the first input at bar `k + i`, `x[a[0] + i - n]` the one n bars earlier
  (0.0 before the first bar), as far back as the catalogue entry asked for.
- `s`: the indicator's own numbers, kept from call to call; all 0.0 at the start.
- `a`: int64: where each input column is, then each shared one, then each of the indicator's own, then its integers.
- `p`: float64: its real parameters.
- `y`: where the outputs go: output o of bar `k + i` is `y[i * w + o * u]`. NaN where it is not warm.
- `z`: room to compute in, `ROOM` numbers, of any content.

A call never crosses a multiple of `BLOCK`, so `k % REBASE == 0` is true at the start of a call once every `REBASE`
bars, on the same bar however the bars were cut into batches. There, running sums are computed anew from their window,
so that rounding errors never pile up. All arithmetic is strict IEEE, in one order: the value of a bar does not depend
on the batch it came in.

Pointers have no bounds. What a kernel may touch is what its catalogue entry declares (`Storage`).
"""
