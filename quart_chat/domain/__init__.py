"""What people can do here and what comes of it: rules only, no framework, no clock, no chance of its own."""
