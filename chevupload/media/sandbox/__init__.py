"""Runs decoders: in child processes that can be ended, or in this one."""
