"""Who learns, who validates, who is tested: by patient, drawn once, checked for leaks."""
