"""Measures the service as users run it: start-up, memory, reports, sync, photos, lists, summaries, routing."""
