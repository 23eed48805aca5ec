"""What is kept beside uploads: events, jobs of batch work, moves between storages, and what a ticket says."""
