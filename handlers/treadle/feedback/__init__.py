"""Feedback on runs: links to give it, the book of its entries, and LangSmith."""
