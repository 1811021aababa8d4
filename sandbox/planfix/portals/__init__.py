"""The portals that --portal names, as data."""
