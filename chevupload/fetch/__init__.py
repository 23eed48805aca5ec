"""The file behind a URL, from public addresses only."""
