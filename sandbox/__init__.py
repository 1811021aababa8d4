"""Emulated outside systems, a folder each. They share no code with us, so one mistake cannot agree with itself."""
