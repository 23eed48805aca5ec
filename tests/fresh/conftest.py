"""The sites are run by their own test runners."""

collect_ignore_glob = ["*_site/*"]
