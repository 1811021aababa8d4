"""A desk at work on an emulated portal, all of it in one thread of time: seeded, so that every failure can be played again.

Real are the door, handlers, rules, books, outgoing calls, sweeps, the connector and its gate, on a real SQLite file; the
portal is the sandbox. Only clock, network and the queue's own tables are simulated, and processes die
where seeded randomness says.
"""
