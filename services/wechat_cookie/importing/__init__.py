"""The import of cookies from another FastMP: `python -m services.wechat_cookie import-fastmp`."""
