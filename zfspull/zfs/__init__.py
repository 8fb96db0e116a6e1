"""The language of ZFS, pure: names, model, command lines, listings, error texts, resume tokens."""
