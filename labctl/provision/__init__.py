"""What a machine needs before it can run a lab: packages, images, an engine, and what it lacks."""
