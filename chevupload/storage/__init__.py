"""Where files stay."""
