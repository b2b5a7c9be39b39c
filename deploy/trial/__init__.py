"""`make try`: the whole stack with an emulated WeChat, accounts to use, and a page that plays the phone."""
