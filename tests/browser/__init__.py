"""A package, so that its browser ends with it: Playwright's loop may not stand in the thread of other tests."""
