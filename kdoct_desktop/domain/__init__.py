"""Values and rules of the field: numpy and the standard library only, no input or output."""
