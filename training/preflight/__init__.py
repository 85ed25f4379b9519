"""What can be known before an epoch is spent: machine, data, memory, time."""
