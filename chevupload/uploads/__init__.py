"""The way of an upload: from a source to a published record, and away again."""
