"""What is answered under each route: one file for each feature."""
