"""The pictures of the READMEs, made from the running product."""
