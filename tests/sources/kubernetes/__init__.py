"""The source ``kubernetes``."""
