"""Phantoms, training, evaluation and export: what makes a model package."""
