"""Contract suites: what every implementation of a protocol must do, run on twin and emulated system alike."""
