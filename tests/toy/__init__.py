"""A toy channel beside either CRM: a socket of its own, a vendor that wants `100`, a send that cannot be repeated."""
