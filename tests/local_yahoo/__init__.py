"""A Yahoo on loopback: charts and the streamer, from a made-up market, with every fault on demand."""
