"""Where rooms and queues are kept: in this process, or in a Redis that several processes share."""
