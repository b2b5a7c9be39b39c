"""A scripted walk from register to a scanned cookie, on a real stack with an emulated WeChat."""
