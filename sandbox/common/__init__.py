"""What the emulated systems have alike: their clock, their HTTP server, their switches, their command line."""
