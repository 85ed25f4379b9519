"""KD-OCT Desktop: reads retinal OCT volumes, shows exact evidence, writes research reports."""

__version__ = "0.1.0"
