"""What others see of zfspull: metrics, logs, status, HTTP. It consumes events; nothing calls it to work."""
