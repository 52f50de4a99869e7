"""The language server; nothing outside imports it, and only it needs the extra ``lsp``."""
