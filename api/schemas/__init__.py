"""Messages on the wire: their shape, not the law."""
