"""Rules of a package that is not part of greenlint."""
