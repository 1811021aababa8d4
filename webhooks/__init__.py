"""The one door in."""
