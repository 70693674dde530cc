"""Frozen features of whole tiles, kept between rounds, and a light head on them that answers within a second."""
