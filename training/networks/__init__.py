"""Teacher and student over any timm trunk, and the weights they start from."""
