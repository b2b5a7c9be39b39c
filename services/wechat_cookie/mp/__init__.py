"""The client of mp.weixin.qq.com: one login's requests, each bounded in time and size, and what the answers mean.

It knows nothing of the database, of gRPC and of FastMP's accounts. The cookies of a login are a value that goes
into each call and comes out of it, because any replica may make the next one.
"""
