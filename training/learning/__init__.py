"""Training: losses, steps, epochs, checkpoints; the teacher and its distillation."""
