"""WeChatCookie's part of `python -m services.reconcile`: the owners of its cookies."""
