"""The hands: work that spans models or touches disk, network, clock, pictures, PDF. Imports models only."""
