"""Published figures behind the rules, one JSON object a line in ``literature.jsonl``."""
