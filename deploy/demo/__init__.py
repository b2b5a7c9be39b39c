"""A scripted demo from registration to a scanned cookie, on a real stack with an emulated WeChat."""
