"""Where the order of all changes is made: in memory, or in a store that several processes share."""
