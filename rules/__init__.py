"""The built-in rules of greenlint, installed as ``greenlint_rules``: one rule per module, one folder per category."""
