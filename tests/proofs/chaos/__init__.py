"""A mixed load on a whole stack, disturbed at random from a seed, and then held against what was promised.

`record` remembers what callers were told, `load` makes the calls, `schedule` and `disturbing` kill and restart,
`healing` lets everything come to rest, `observation` reads what is there, `invariants` compare, and `breaking`
shows that each of them would notice.
"""
