"""Measures the service as users run it: start-up, memory, reports, photos, lists, summaries, routing."""
