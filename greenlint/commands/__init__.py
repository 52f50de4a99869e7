"""One module for each verb; each has ``run(arguments) -> exit code``."""
