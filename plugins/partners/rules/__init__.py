"""Decisions of the partners' chats: values in, values out. No clock, no storage, nothing sent. See README.md beside this."""
