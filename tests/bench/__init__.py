"""Measures, as ratios inside one run."""
