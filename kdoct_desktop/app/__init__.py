"""Use cases, without Qt: the command line and the window call the same ones."""
