"""A mixed load on a whole stack, disturbed at random from a seed, then compared with what was promised.

`record` holds the answers that callers got, `load` makes the calls, `schedule` and `disturbing` kill and restart,
`healing` waits until nothing is under way, `observation` reads what is there, `invariants` compare, and `breaking`
shows that each of them would notice.
"""
