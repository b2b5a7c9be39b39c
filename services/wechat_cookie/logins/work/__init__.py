"""The threads that carry logins forward: claim, ask WeChat, write."""
