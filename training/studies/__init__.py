"""Runs side by side: sweeps, searches, the site scenario, speed."""
