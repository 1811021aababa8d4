"""What the tests themselves stand on: what a test left behind, databases, orders, loads."""
