"""Bugs planted on purpose: each patch breaks one promise in a copy of the project, and tests must notice."""
