"""Share what every live feed needs: limits, back-fill, bars from quotes, gaps, corrections, outbox, watch-list.

`venue.py` names the two protocols a feed implements. Nothing in here knows any venue.
"""
