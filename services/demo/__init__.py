"""The demo: real units and agreements on schematic boundaries, and one believable week."""

from services.demo.load import PASSWORD, SIGN_INS, is_empty, load_demo, load_world

__all__ = ["PASSWORD", "SIGN_INS", "is_empty", "load_demo", "load_world"]
