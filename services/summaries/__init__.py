"""The weekly summary: built once, then written as JSON or CSV."""
