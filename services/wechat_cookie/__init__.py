"""The WeChatCookie service: QR logins at mp.weixin.qq.com and the resulting cookies."""
