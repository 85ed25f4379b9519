"""From chosen weights to a signed package with its card."""
