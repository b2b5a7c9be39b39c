"""The login's state machine: pure functions from a state and an outcome to the next state."""
