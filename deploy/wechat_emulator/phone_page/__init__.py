"""A page that plays the phone of a person with official accounts, for `make try`."""
