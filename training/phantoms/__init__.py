"""Simulated eyes: layers, lesions with exact masks, optics, and the files they are written to."""
