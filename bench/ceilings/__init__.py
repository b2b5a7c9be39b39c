"""Bare servers, which do the least possible work for a call: the upper bounds of the product's figures."""
