"""Bring bars in: `files` replays them, `yahoo` and `binance` stream them, and `live` is what every live feed shares.

Every feed is a `tapeline.core.ports.Source`. Another venue is a folder beside `yahoo`, on top of `live`.
"""
