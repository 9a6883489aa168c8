"""Tapeline: live bars in, indicators and honest predictions out, on one machine or on AWS."""

__version__ = "0.1.0"
