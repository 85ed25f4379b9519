"""The command line ``kdoct``: thin, over the same use cases as the window."""
