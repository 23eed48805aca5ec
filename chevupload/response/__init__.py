"""What leaves: JSON documents, pages and files as WebOb responses."""
