"""Rules of this category, one per module."""
