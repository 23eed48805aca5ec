"""Reads and edits files by their structure, without decoding them."""
