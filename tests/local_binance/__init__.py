"""A local stand-in for Binance's spot market, which holds every client to the documented limits."""
