"""What senders may do: how often, how much, and what their keys are for."""
