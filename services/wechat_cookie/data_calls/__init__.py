"""Calls of WeChat's data interface for internal programs: searches, and lists of articles, within budgets."""
