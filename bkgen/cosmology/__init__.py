"""Relic density of dark matter."""
