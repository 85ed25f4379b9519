"""Lesions painted into real normal B-scans, with exact masks."""
