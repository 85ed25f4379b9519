"""Results out: report content, PDF, JSON and CSV."""
