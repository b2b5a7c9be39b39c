"""The client of mp.weixin.qq.com: the requests of logins, bounded in time and size, and their results.

It does not depend on the database, gRPC or FastMP's accounts. The cookies of a login are a value that is passed
to each call and returned by it, because any replica may make the next one.
"""
