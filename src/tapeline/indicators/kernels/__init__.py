"""Hold what kernels are built from.

A kernel is one small function per indicator, compiled when an engine first needs it. It stands beside its catalogue
entry, in the file of its group. Every kernel has the same signature, `kernel(columns, state, ints, reals, out, scratch,
row_stride, column_stride, first, count)`, and carries its indicator over `count` bars of one symbol, the bars number
`first` to `first + count - 1` since the symbol's first (which is 0):

- `columns`: the symbol's columns. `columns[ints[0] + i]` is the first input at bar `first + i`, and
  `columns[ints[0] + i - n]` the one n bars earlier (0.0 before the first bar), as far back as the entry asked for.
- `state`: the indicator's own numbers, kept from call to call; all 0.0 at the start.
- `ints`: int64: where each input column is, then each shared one, then each of the indicator's own, then its integer
  parameters. A kernel names these indices after what is there: `columns[close + i]`.
- `reals`: float64: its real parameters.
- `out`: where the outputs go: output o of bar `first + i` is `out[i * row_stride + o * column_stride]`. NaN where it is
  not warm.
- `scratch`: room to compute in, `ROOM` numbers, of any content.

A call is for one bar or for a block of them, and a kernel is compiled for each: for one bar, `count` is known to be 1.
What a column holds after the bars of the call, or before the history that was asked for, is left over from other bars.

A call never crosses a multiple of `BLOCK`, so `first % REBASE == 0` is true at the start of a call once every `REBASE`
bars, on the same bar however the bars were cut into batches. There, running sums are computed again from their window,
so that rounding errors never pile up. All arithmetic is strict IEEE, in one order: the value of a bar does not depend
on the batch it came in.

Pointers have no bounds. What a kernel may touch is what its catalogue entry declares (`Storage`).
"""
