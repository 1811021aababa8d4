"""Portals as data, one TOML each; `empty` is the default."""
