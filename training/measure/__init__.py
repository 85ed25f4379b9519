"""What a network is worth on held-out patients: figures, intervals, thresholds, reports."""
