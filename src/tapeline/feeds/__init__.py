"""Bring bars in: `files` replays them, `yahoo` streams them, and `live` is what every live feed shares.

Every feed is a `tapeline.core.ports.Source`. A second venue is a folder beside `yahoo`, on top of `live`.
"""
