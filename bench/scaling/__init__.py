"""A discrete-event simulation of many replicas under the load of docs/scaling.md: `python -m bench.scaling`."""
