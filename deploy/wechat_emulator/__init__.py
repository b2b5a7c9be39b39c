"""An emulator of mp.weixin.qq.com's QR login, served on loopback for tests, demo and benchmarks.

It runs in process with `deploy.wechat_emulator.running.running_emulator`, or as the program
`python -m deploy.wechat_emulator`. Both are controlled with `deploy.wechat_emulator.control`.
"""
