"""Mutation testing: cosmic-ray puts faults into a copy of services/, which the tests of each line judge."""
