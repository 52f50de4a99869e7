"""greenlint beside its peers: corpora, installed tools, timings. Run by hand, never by the tests."""
