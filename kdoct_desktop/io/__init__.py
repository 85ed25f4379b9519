"""Files in: every foreign file is decoded in a child process that can be killed."""
