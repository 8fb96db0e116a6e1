"""Every decision, pure: what to send, what to refuse, what to keep, when to run."""
