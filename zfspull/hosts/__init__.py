"""The two ends of a pull: the source over SSH, the target here, and in-memory doubles of both."""
