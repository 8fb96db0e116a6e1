"""One job, once: observe, plan, transfer, verify, prune."""
