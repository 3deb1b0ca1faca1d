"""Pages for people: rendered here, alive by events, whole without script."""
