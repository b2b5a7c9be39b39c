"""mp.weixin.qq.com's QR login as this project knows it, served on loopback for tests, demo and benchmarks.

Two ways to run it: `deploy.wechat_emulator.running.running_emulator` in process, and
`python -m deploy.wechat_emulator` as a program. Both are driven by `deploy.wechat_emulator.control`.
"""
