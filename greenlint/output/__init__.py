"""How a run is shown: one module for each format, from plain results to lines of text."""
