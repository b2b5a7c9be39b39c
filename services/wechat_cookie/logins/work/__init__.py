"""The threads that advance logins: claim, send the request to WeChat, write."""
