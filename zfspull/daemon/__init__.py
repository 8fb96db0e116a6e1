"""Many jobs, for ever: service, schedule, dispatch, reload, control socket, history."""
