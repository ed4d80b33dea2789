"""The routes: find, act, return. No rule, no SQL, no try."""
